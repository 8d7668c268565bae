"use strict";
// Opens the fields, and follows the settings: the image comes once, a slider then fetches only points.

// One request at a time; what changed meanwhile is asked for next, and only the latest.
let changedAt = 0, asking = false, sampleTimer;

async function follow() {
  let isAnswered = true;
  changedAt = changedAt || performance.now();
  clearTimeout(sampleTimer);
  sampleRound += 1;
  if (asking || broken.has(field.index)) return;
  asking = true;
  while (changedAt) {
    const since = changedAt, index = field.index;
    changedAt = 0;
    try {
      const nuclei = await fetchNuclei(index), points = nuclei.points;
      if (index !== field.index) continue;
      Object.assign(field, nuclei, { outlines: null });
      complain(null);
      restore();
      drawRings();
      drawHistogram();
      $("count").textContent = (points.length / 3).toLocaleString("en");
      $("doubtful").textContent = nuclei.doubtful.length ? `${nuclei.doubtful.length.toLocaleString("en")} of them doubtful (dashed)` : "";
      const took = performance.now() - since;
      $("latency").textContent = `${took.toFixed(0)} ms`;
      document.body.dataset.latency = took;
      document.body.dataset.answers = 1 + Number(document.body.dataset.answers || 0);
      isAnswered = true;
      if (!detector.outlines || changedAt) continue;
      const outlines = await fetchOutlines(index);
      if (changedAt || index !== field.index) continue;
      field.outlines = outlines;
      document.body.dataset.outlines = outlines.length;
      drawRings();
    } catch (error) {
      complain(error);
      isAnswered = false;
    }
  }
  asking = false;                             // what one field refuses, others are not asked
  if (isAnswered) sampleTimer = setTimeout(lookAround, 250);
}

// ---- fields

async function open(index) {
  index = Math.max(0, Math.min(index, start.fields.length - 1));
  const known = broken.get(index);
  $("field").value = index + 1;
  $("name").textContent = start.fields[index];
  field = { index, width: 1, height: 1, shrink: 1, low: 0, step: 1,
    levels: new Uint16Array(1), points: new Float32Array(0), ring: start.ring_px };
  try {
    if (known) throw known;
    const answer = await ask(`picture/${index}`);
    const levels = new Uint16Array(await answer.arrayBuffer());
    if (index !== field.index) return;
    Object.assign(field, JSON.parse(answer.headers.get("X-Picture")), { levels });
    complain(null);
  } catch (error) {
    if (index === field.index) { complain(error); offerChoices(); }
    broken.set(index, error);
    $("count").textContent = "-";
    $("latency").textContent = "";
    paint(); drawRings(); drawHistogram();
    return;
  }
  measure();
  stretch();
  fit();
  paint();
  showSettings();
  follow();
}

$("previous").onclick = () => open(field.index - 1);
$("next").onclick = () => open(field.index + 1);
$("field").addEventListener("change", () => open(Number($("field").value) - 1));
$("in").onclick = () => zoom(1.5);
$("out").onclick = () => zoom(1 / 1.5);
$("fit").onclick = () => { fit(); redraw(); };
$("clear").onclick = () => {
  reviews.delete(field.index);
  if (start.kept) delete start.kept[field.index];
  drawRings();
  score();
  keep();
};

// What a file of several channels leaves to choose is offered beside what it says.
let offered = false;
async function offerChoices() {
  if (offered) return;
  offered = true;
  let choices;
  try { choices = await (await ask("choices")).json(); } catch (error) { return complain(error); }
  $("choices").hidden = !Object.keys(choices).length;
  $("choices").replaceChildren(...Object.entries(choices).map(([axis, values]) => {
    const label = make("label", { textContent: `${axis[0].toUpperCase()}${axis.slice(1)} ` });
    const select = make("select", { name: axis });
    select.append(make("option", { value: "", textContent: "not chosen" }));
    for (const [value, text] of Object.entries(values)) select.append(make("option", { value, textContent: text }));
    select.onchange = pick;
    label.append(select);
    return label;
  }));
}

async function pick() {                       // once every axis is chosen, the page begins again
  const selects = [...document.querySelectorAll("#choices select")];
  if (selects.some((each) => !each.value)) return;
  const chosen = Object.fromEntries(selects.map((each) => [each.name, each.value]));
  const answer = await fetch("choose", { method: "POST", body: JSON.stringify(chosen) });
  if (answer.ok) location.reload();
  else complain(new Error(await answer.text()));
}

// ---- begin

function offer(detectors) {
  for (const name of detectors) {
    const label = document.createElement("label"), radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "detector", value: name });
    radio.addEventListener("change", () => choose(name));
    label.append(radio, ` ${name}`);
    $("detectors").append(label);
  }
}

async function showFirst() {                  // while the server learns what nuclei look like
  field = { index: 0, width: 1, height: 1, shrink: 1, low: 0, step: 1,
    levels: new Uint16Array(1), points: new Float32Array(0), ring: 0 };
  $("name").textContent = start.fields[0];
  $("latency").textContent = "looking at the nuclei of some fields";
  try {
    const answer = await ask("picture/0");
    const levels = new Uint16Array(await answer.arrayBuffer());
    Object.assign(field, JSON.parse(answer.headers.get("X-Picture")), { levels });
  } catch (error) {
    broken.set(0, error);
    complain(error);
    return;
  }
  measure();
  stretch();
  fit();
  paint();
  document.body.dataset.shown = "first";
}

(async () => {
  try {
    start = await (await ask("describe")).json();
    $("fields").textContent = start.fields.length.toLocaleString("en");
    $("field").max = start.fields.length;
    await showFirst();
    Object.assign(start, await (await ask(`start/${encodeURIComponent(start.detector)}`)).json());
  } catch (error) { return complain(error); }
  offer(start.detectors);
  take({ ...start, settings: { ...start.settings } });
  await open(0);
})();
