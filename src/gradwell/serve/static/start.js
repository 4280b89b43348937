// The first drawing, and one for every change of the address.
"use strict";
addEventListener("hashchange", Gradwell.draw);
Gradwell.draw();
