// The first drawing, and one for every change of the address.
"use strict";
addEventListener("hashchange", Gradwell.draw);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
Gradwell.draw();
