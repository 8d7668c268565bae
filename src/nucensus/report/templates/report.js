"use strict";
// Wells: one tab stop per plate, arrow keys within it; what a well says floats beside it.
const tip = document.getElementById("tip");

function tell(cell) {
  tip.textContent = cell.getAttribute("aria-label");
  tip.hidden = false;
  const box = cell.getBoundingClientRect();
  const above = box.top > tip.offsetHeight + 12;
  tip.style.top = `${above ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
  const left = box.left + box.width / 2 - tip.offsetWidth / 2;
  tip.style.left = `${Math.max(4, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 4))}px`;
}

const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

for (const plate of document.querySelectorAll(".plate table")) {
  const cellOf = (event) => event.target.closest("td");
  plate.addEventListener("pointerover", (event) => cellOf(event) && tell(cellOf(event)));
  plate.addEventListener("pointerleave", () => { tip.hidden = true; });
  plate.addEventListener("focusin", (event) => tell(cellOf(event)));
  plate.addEventListener("focusout", () => { tip.hidden = true; });
  plate.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const from = cellOf(event);
    const row = plate.rows[from.parentNode.rowIndex + step[0]];
    const to = row && row.cells[from.cellIndex + step[1]];
    if (!to || to.tagName !== "TD") return;
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  });
}
addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
addEventListener("scroll", () => { tip.hidden = true; }, true);

// Pictures: a click shows one large; arrow keys go on to the next.
const dialog = document.querySelector("dialog");
const buttons = [...document.querySelectorAll(".pictures button")];
let shown = 0;

function show(index) {
  shown = (index + buttons.length) % buttons.length;
  const figure = buttons[shown].closest("figure");
  dialog.querySelector("h2").textContent = figure.querySelector("figcaption").textContent;
  dialog.querySelector("div").replaceChildren(buttons[shown].firstElementChild.cloneNode(true));
  if (!dialog.open) dialog.showModal();
}

buttons.forEach((button, index) => button.addEventListener("click", () => show(index)));
dialog?.addEventListener("close", () => buttons[shown].focus());
dialog?.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog?.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(shown - 1);
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "r") dialog.classList.toggle("bare");
});
