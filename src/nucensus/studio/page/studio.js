"use strict";
// Folder, look, count, results: each step shows itself once the one before has answered.

const $ = (id) => document.getElementById(id);
const make = (tag, values) => Object.assign(document.createElement(tag), values);
const many = (count, noun) => `${count.toLocaleString("en")} ${noun === "nucleus" ? (count === 1 ? "nucleus" : "nuclei") : noun + (count === 1 ? "" : "s")}`;
const AXES = { channel: "Channel", z: "z plane", time: "Time point", scene: "Version" };
let looked = null;                            // what the server said of the folder that is shown
let chosen = {};                              // axis -> what is chosen of it
let offered = {};                             // axis -> what there was to choose, so far

async function ask(path, asked = {}) {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(asked) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// Runs what a button starts: what goes wrong is said at the top, and the button waits.
function on(id, event, act) {
  $(id).addEventListener(event, async (happened) => {
    happened.preventDefault();
    const button = $(id).matches("button") ? $(id) : null;
    if (button) button.disabled = true;
    try { $("problem").hidden = true; await act(); } catch (error) { complain(error); }
    if (button) button.disabled = false;
  });
}

function complain(error) {
  $("problem").textContent = error.message;
  $("problem").hidden = false;
  $("problem").scrollIntoView({ block: "nearest" });
}

// ---- 1: the folder

async function open(folder) {
  const seen = await ask("folder", { folder });
  $("folder").value = seen.path;
  $("up").onclick = () => open(seen.parent).catch(complain);
  const images = seen.images ? `${many(seen.images, "image")} in it` : "No images directly in it";
  const folders = seen.folders.length ? `, ${many(seen.folders.length, "folder")} below` : "";
  $("inside").textContent = images + folders + (seen.is_more ? ", and more than are shown here" : "");
  $("folders").replaceChildren(...seen.folders.map((name) => {
    const item = make("li"), button = make("button", { type: "button", textContent: name });
    button.onclick = () => open(`${seen.path.replace(/[/\\]$/, "")}/${name}`).catch(complain);
    item.append(button);
    return item;
  }));
}

// ---- 2: what is in it

async function look() {
  looked = await ask("look", { folder: $("folder").value, ...chosen });
  const missing = looked.missing ? `; ${looked.missing.toLocaleString("en")} more are missing` : "";
  const there = looked.question && !looked.count ? "Something is left to choose" : `${many(looked.count, "image")} to count`;
  $("summary").textContent = there + missing;
  const named = Object.entries(looked.recognised).map(([name, count]) => `${count} with names of ${name}`);
  $("notes").replaceChildren(...[...named, ...looked.left_out].map((text) => make("li", { textContent: text })));
  $("plates").replaceChildren(...looked.plates.slice(0, 8).map(plate));
  $("question").hidden = !looked.question;
  $("question").textContent = looked.question;
  offered = { ...offered, ...looked.choices };
  $("choices").replaceChildren(...Object.entries(offered).map(choice));
  $("tune").hidden = !looked.count;
  $("out").value = looked.out;
  $("seen").hidden = false;
  $("counting").hidden = !looked.count || Boolean(looked.question);
  await showTuned();
}

async function showTuned() {                  // what the tuner, in its own tab, shows now
  const { options } = await ask("settings");
  $("settings").textContent = options;
  $("as-tuned").hidden = !options;
}
addEventListener("focus", () => showTuned().catch(complain));

function choice([axis, values]) {
  const label = make("label", { textContent: `${AXES[axis]} ` });
  const select = make("select", { name: axis });
  select.append(make("option", { value: "", textContent: "not chosen" }));
  for (const [value, text] of Object.entries(values)) select.append(make("option", { value, textContent: text }));
  select.value = chosen[axis] ?? "";
  select.onchange = () => { chosen = { ...chosen, [axis]: select.value }; look().catch(complain); };
  label.append(select);
  return label;
}

function plate(seen) {
  const wells = Object.entries(seen.wells).filter(([well]) => /^[A-Z]{1,2}\d+$/.test(well));
  const box = make("div"), title = make("h3", { textContent: seen.name || (wells.length ? "Plate" : "Series") });
  box.append(title);
  if (!wells.length) return box;
  const split = (well) => [well.replace(/\d+$/, ""), Number(well.replace(/^\D+/, ""))];
  const rows = [...new Set(wells.map(([well]) => split(well)[0]))].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const last = Math.max(...wells.map(([well]) => split(well)[1]));
  const counts = new Map(wells.map(([well, count]) => [split(well).join(" "), [well, count]]));
  const table = make("table", { className: "wells" });
  const heads = [make("td"), ...Array.from({ length: last }, (_, i) => make("th", { scope: "col", textContent: i + 1 }))];
  table.createTHead().insertRow().append(...heads);
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    line.append(make("th", { scope: "row", textContent: row }));
    for (let column = 1; column <= last; column++) {
      const [well, count] = counts.get(`${row} ${column}`) ?? [];
      const lacks = well && (well in seen.missing || !count);
      line.append(make("td", {
        textContent: count ?? "", className: well ? (lacks ? "lacks" : "has") : "",
        title: well ? `${well}: ${many(count, "image")}${lacks ? ", others are missing" : ""}` : "",
      }));
    }
  }
  const scroll = make("div", { className: "listing" });
  scroll.append(table);
  box.append(scroll, make("p", { className: "quiet", textContent: "Images of each well; an orange edge: some are missing." }));
  return box;
}

// ---- 3: count

async function count() {
  $("found").hidden = true;
  show(await ask("count", {
    folder: $("folder").value, ...chosen, out: $("out").value,
    metadata: $("metadata").value.trim(), control: $("control").value.trim(), outlines: $("outlines").checked ? "yes" : "",
    tuned: $("tuned").checked ? "yes" : "",
  }));
  await follow();
}

const doneOf = (state) => (state.found ?? 0) + (state.failed ?? 0);
let first = null;                             // the state that the time left is reckoned from

async function follow() {
  let asked = performance.now(), state = await ask("state");
  first = null;
  while (state.is_running) {
    first ??= state.images ? state : null;
    show(state);
    const pause = Math.max(400, 5 * (performance.now() - asked));   // of a million images it takes long to ask
    await new Promise((over) => setTimeout(over, pause));
    asked = performance.now();
    state = await ask("state");
  }
  show(state);
  if (state.is_whole) {
    $("report").src = "run/report.html";
    $("found").hidden = false;
  }
}

function show(state) {
  if (!state.command) return;
  $("counting").hidden = $("going").hidden = false;
  $("stop").hidden = !state.is_running;
  $("count").hidden = state.is_running;
  $("count").textContent = state.is_whole ? "Count again" : "Carry on";
  $("command").textContent = state.command;
  $("said").textContent = state.said.join("\n");
  const done = doneOf(state);
  if (state.images) Object.assign($("progress"), { max: state.images, value: done });
  else $("progress").removeAttribute("value");
  const failed = state.failed ? `, ${state.failed.toLocaleString("en")} failed` : "";
  const since = first ? done - doneOf(first) : 0;
  const left = state.is_running && since ? `, ${time((state.seconds - first.seconds) / since * state.pending)} left` : "";
  $("far").textContent = !state.images
    ? (state.is_running ? "Looking at the images" : "It could not begin")
    : `${many(state.nuclei, "nucleus")} in ${state.found.toLocaleString("en")} of ${many(state.images, "image")}${failed}${left}`;
}

const time = (seconds) => seconds < 90 ? `${Math.ceil(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;

// ---- begin

on("go", "submit", () => open($("folder").value));
on("look", "click", async () => { chosen = {}; offered = {}; await look(); });
on("count", "click", count);
on("again", "click", async () => { $("report").src = "run/report.html"; });
on("stop", "click", async () => show(await ask("stop")));

(async () => {
  const begun = await ask("describe");
  await open(begun.folder);
  if (begun.count.command) { show(begun.count); await follow(); }
})().catch(complain);
