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

// Figures: their numbers as CSV, and as they look as SVG or PNG.
const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family"];

function numbersOf(figure) {
  const plate = figure.querySelector(".plate table");
  if (plate) {
    const metrics = Object.keys(plate.querySelector("td[data-per_field]")?.dataset ?? {}).filter((name) => name !== "outlier");
    const wells = [...plate.querySelectorAll("td[data-per_field]")];
    return [["well", ...metrics], ...wells.map((cell) => [cell.dataset.well, ...metrics.map((name) => cell.dataset[name])])];
  }
  const table = figure.querySelector("table");
  if (table) return [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent));
  return [["from", "count"], ...[...figure.querySelectorAll(".bar")].map((bar) => [bar.dataset.from, bar.dataset.count])];
}

function cell(text) {
  const bare = text.replace(/(?<=\d),(?=\d{3})/g, "");
  return /[",\n]/.test(bare) ? `"${bare.replaceAll('"', '""')}"` : bare;
}

function drawingOf(figure) {
  const source = figure.querySelector(":scope > svg") ?? plateDrawing(figure.querySelector(".plate table"));
  const copy = source.cloneNode(true);
  const parts = source.isConnected ? [...source.querySelectorAll("*")] : [];
  [...copy.querySelectorAll("*")].slice(0, parts.length).forEach((part, index) => {
    const style = getComputedStyle(parts[index]);
    for (const name of STYLES) part.setAttribute(name, style.getPropertyValue(name));
  });
  const { width, height } = source.viewBox.baseVal;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  copy.style.background = getComputedStyle(document.body).backgroundColor;
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

const paint = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });

// A colour as every program that opens an SVG knows it.
function plain(colour) {
  paint.clearRect(0, 0, 1, 1);
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = paint.getImageData(0, 0, 1, 1).data;
  return alpha ? `rgb(${red},${green},${blue})` : "none";
}

const TITLE = 28, KEY = 40, RAMP = 120, SHADES = 24;

// A plate as it looks: its title, its wells, and the scale of their colours.
function plateDrawing(table) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const box = table.getBoundingClientRect();
  const ink = plain(getComputedStyle(document.body).color);
  const line = plain(getComputedStyle(document.body).getPropertyValue("--line"));
  const add = (name, values, text = "") => {
    const part = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values)) part.setAttribute(key, value);
    part.textContent = text;
    return svg.appendChild(part);
  };
  const write = (x, y, text, values = {}) => add("text", { x, y, fill: ink, "font-size": "13px", "font-family": "sans-serif", "dominant-baseline": "central", ...values }, text);
  svg.setAttribute("viewBox", `0 0 ${Math.ceil(box.width)} ${Math.ceil(box.height) + TITLE + KEY}`);
  write(0, TITLE / 2, table.closest("figure").querySelector("h3").textContent);
  for (const item of table.querySelectorAll("th, td")) {
    const at = item.getBoundingClientRect();
    const style = getComputedStyle(item);
    const [x, y, width, height] = [at.left - box.left, at.top - box.top + TITLE, at.width, at.height];
    if (item.tagName === "TD") {
      const outlined = style.outlineStyle === "none" ? { stroke: line } : { stroke: ink, "stroke-width": 2 };
      add("rect", { x, y, width, height, rx: 3, fill: plain(style.backgroundColor), ...outlined });
      if (item.className === "failed") {
        add("path", { d: `M${x} ${y}l${width} ${height}m0 ${-height}l${-width} ${height}`, stroke: ink });
      }
    }
    const shown = getComputedStyle(item, "::after").content.replace(/^"|"$/g, "");
    const text = item.tagName === "TH" ? item.innerText : shown === "none" || shown === "normal" ? "" : shown;
    if (text) {
      write(x + width / 2, y + height / 2, text, { fill: plain(style.color), "font-size": style.fontSize, "text-anchor": "middle" });
    }
  }
  drawKey(table, box.height + TITLE + KEY / 2, write, add);
  return svg;
}

function drawKey(table, y, write, add) {
  let key = table.closest(".plates");
  do key = key.previousElementSibling; while (!key.matches(".key"));
  const scale = [...key.children].find((item) => getComputedStyle(item).display !== "none");
  const ramp = scale.querySelector(".ramp");
  if (!ramp) return void write(0, y, scale.textContent.trim());
  const [low, high] = [ramp.previousSibling, ramp.nextSibling].map((part) => part.textContent.trim());
  const width = 8 * low.length;
  write(0, y, low);
  const probe = ramp.appendChild(document.createElement("i"));
  for (let shade = 0; shade < SHADES; shade++) {
    probe.style.background = `color-mix(in oklab, var(--low), var(--high) ${100 * shade / (SHADES - 1)}%)`;
    add("rect", { x: width + 8 + shade * RAMP / SHADES, y: y - 7, width: RAMP / SHADES + .5, height: 14, fill: plain(getComputedStyle(probe).backgroundColor) });
  }
  probe.remove();
  write(width + RAMP + 16, y, high);
}

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const SAVERS = {
  CSV: (figure, name) => save(`${name}.csv`, new Blob([numbersOf(figure).map((row) => row.map(cell).join(",")).join("\n") + "\n"], { type: "text/csv" })),
  SVG: (figure, name) => save(`${name}.svg`, new Blob([drawingOf(figure).text], { type: "image/svg+xml" })),
  PNG: (figure, name) => {
    const { text, width, height } = drawingOf(figure);
    const image = new Image();
    image.onload = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 3 * width, height: 3 * height });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(`${name}.png`, blob));
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  },
};

for (const figure of document.querySelectorAll("figure[data-name]")) {
  const bar = figure.appendChild(Object.assign(document.createElement("div"), { className: "save" }));
  for (const [kind, saver] of Object.entries(SAVERS)) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: kind });
    button.setAttribute("aria-label", `Save ${figure.dataset.name} as ${kind}`);
    button.addEventListener("click", () => saver(figure, figure.dataset.name.trim().replace(/[^\w.-]+/g, "-")));
    bar.append(button);
  }
}
