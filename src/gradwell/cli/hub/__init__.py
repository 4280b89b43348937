"""`gradwell hub`: models to and from the Hugging Face Hub."""
