"""How a record is judged: the types, the rules, and the judge (knows no other room)."""
