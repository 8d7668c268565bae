"use strict";
// Sliders, buttons, pointer and keys.

function showSettings() {
  document.querySelector(`[name=detector][value="${settings.detector}"]`).checked = true;
  const learned = !detector.controls.length && detector.radius_px;
  $("about").textContent = detector.about + (learned ? ` A nucleus has a radius of ${short(learned)} px here.` : "");
  detector.controls.forEach(showNumber);
  $("black").value = 1000 * toAxis(contrast.black);
  $("white").value = 1000 * toAxis(contrast.white);
  showContrast();
  document.querySelector(`[name=border][value=${settings.border}]`).checked = true;
}

function showContrast() {
  for (const end of ["black", "white"]) $(`${end}-level`).textContent = short(contrast[end]).toLocaleString("en");
}

function valueOf(control) {
  if (isLevel(control)) return short(threshold());
  return control.end === "least" ? ends(control)[0] : Math.max(...ends(control));
}

function showNumber(control) {
  const value = valueOf(control), slider = $(control.name), number = $(`${control.name}-number`);
  slider.value = isLevel(control) ? 1000 * toAxis(value, levels()) : value;
  if (document.activeElement !== number) number.value = value;
  if (isLevel(control)) slider.setAttribute("aria-valuetext", String(value));
}

function put(control, value) {                // the two ends of a range do not cross
  const [first, last] = [ends(control)[0], Math.max(...ends(control))];
  const pair = { least: [value, Math.max(value, last)], most: [Math.min(value, first), value] };
  change({ [control.setting]: pair[control.end] ?? value });
}

const make = (tag, values) => Object.assign(document.createElement(tag), values);

function build(control) {
  const { name } = control, box = make("div", { className: "control" });
  const label = make("label", { htmlFor: name, textContent: `${control.label} ` });
  label.append(make("span", { className: "quiet", textContent: control.unit }));
  const number = make("input", { type: "number", id: `${name}-number`, ariaLabel: `${control.label}, number`,
    min: control.least ?? "", max: control.most ?? "", step: Number.isInteger(control.step) ? control.step : "any" });
  const range = isLevel(control) ? { min: 0, max: 1000, step: 1 } : { min: control.low, max: control.high, step: control.step };
  const slider = make("input", { type: "range", id: name, ...range });
  slider.addEventListener("input", () => {
    const place = Number(slider.value);
    put(control, isLevel(control) ? short(fromAxis(place / 1000, levels())) : place);
  });
  number.addEventListener("input", () => {
    if (number.value !== "" && number.checkValidity()) put(control, Number(number.value));
  });
  number.addEventListener("blur", showSettings);
  const ends = make("div", { className: "ends", ariaHidden: "true" });
  ends.append(...[control.low, control.high].map((end) => make("span", { textContent: end })));
  box.append(label, number, ...(isLevel(control) ? [histogram, slider] : [slider, ends]));
  return box;
}

function take(known) {                        // each detector keeps its settings while another is tried
  detector = kept[known.settings.detector] = known;
  settings = known.settings;
  $("controls").replaceChildren(...detector.controls.map(build));
}

async function choose(name) {
  const { border } = settings;
  try {
    take(kept[name] || await (await ask(`start/${encodeURIComponent(name)}`)).json());
    settings.border = border;
  } catch (error) {                           // the one before stays
    complain(error);
    return showSettings();
  }
  showSettings();
  follow();
}

function change(values) {
  Object.assign(settings, values);
  showSettings();
  follow();
}

for (const radio of document.querySelectorAll("[name=border]")) {
  radio.addEventListener("change", () => change({ border: radio.value }));
}

let painting = false;
for (const end of ["black", "white"]) {
  $(end).addEventListener("input", () => {
    contrast[end] = fromAxis(Number($(end).value) / 1000);
    if (end === "black") contrast.white = Math.max(contrast.white, contrast.black + field.step);
    else contrast.black = Math.min(contrast.black, contrast.white - field.step);
    showContrast();
    if (painting) return;
    painting = true;
    requestAnimationFrame(() => { painting = false; paint(); });
  });
}

function dragThreshold(event) {
  if (!event.buttons) return;
  const box = histogram.getBoundingClientRect();
  const place = Math.max(0, Math.min(1, (event.clientX - box.left - 8) / (box.width - 16)));
  change({ threshold: short(fromAxis(place, levels())) });
}
histogram.addEventListener("pointerdown", dragThreshold);
histogram.addEventListener("pointermove", dragThreshold);

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    $("done").textContent = `${what} copied.`;
  } catch { $("done").textContent = "The browser does not allow copying; select the text above."; }
}
$("copy-command").onclick = () => copy(words.command, "Command");
$("copy-python").onclick = () => copy(words.python, "Python call");
function save(text, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

$("save").onclick = async () => {
  await spell();
  save(words.toml, "application/toml", "nucensus.toml");
  $("done").textContent = "Saved as nucensus.toml; use it with --settings nucensus.toml";
};
$("save-truth").onclick = () => {
  save(truthTable(), "text/csv", "truth.csv");
  $("done").textContent = "Saved as truth.csv; compare a run with it by nucensus evaluate RUN truth.csv";
};

// ---- pointer and keys

const pointers = new Map();
let moved = 0;
rings.addEventListener("pointerdown", (event) => {
  rings.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  if (pointers.size === 1) moved = 0;
});
rings.addEventListener("pointermove", (event) => {
  const from = pointers.get(event.pointerId);
  if (!from) return;
  const to = [event.offsetX, event.offsetY];
  moved += Math.hypot(to[0] - from[0], to[1] - from[1]);
  if (pointers.size === 2) {                  // pinch
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
    zoom(apart(to) / Math.max(1, apart(from)), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
  } else if (moved > 4) {
    view.x += to[0] - from[0];
    view.y += to[1] - from[1];
    redraw();
  }
  pointers.set(event.pointerId, to);
});
rings.addEventListener("pointerup", (event) => {
  const single = pointers.size === 1;
  pointers.delete(event.pointerId);
  if (single && moved <= 4 && event.button === 0) mark(...toImage(event.offsetX, event.offsetY));
});
rings.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
rings.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });
rings.addEventListener("focus", drawRings);
rings.addEventListener("blur", drawRings);
rings.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
  if (step) { view.x += step[0]; view.y += step[1]; redraw(); event.preventDefault(); }
  if (event.key === " ") { mark(...toImage(rings.clientWidth / 2, rings.clientHeight / 2)); event.preventDefault(); }
});

const keys = {
  n: () => open(field.index + 1), p: () => open(field.index - 1),
  "+": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": () => { fit(); redraw(); },
  r: () => { ringsShown = !ringsShown; drawRings(); },
};
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=number]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  keys[event.key]?.();
});
new ResizeObserver(() => { if (field) { fit(); redraw(); drawHistogram(); } }).observe(rings);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => field && drawHistogram());
