"use strict";
const sheet = JSON.parse(document.getElementById("sheet").textContent);
const rows = sheet.rows;
const at = (id) => document.getElementById(id);
const store = "tml-bench sheet " + sheet.name;
let place = 0;

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = false;
}

const stateOf = (row) => row.answer + "\n" + row.explanation;
for (const row of rows) row.was = stateOf(row);

const stored = () => JSON.parse(localStorage.getItem(store) || "{}");

function restore() {
  try {
    const kept = stored();
    for (const row of rows) {
      const found = kept[row.id];
      // A sheet that was filled in elsewhere since then is newer than what is kept here.
      if (found && found.was === row.was && (found.answer === "" || row.allowed.includes(found.answer))) {
        row.answer = found.answer;
        row.explanation = String(found.explanation);
      }
    }
  } catch (error) {
    trouble("This browser keeps nothing for local pages: download the CSV before you close the page.");
  }
}

function keep() {
  try {
    const kept = stored(); // another sheet may have the same name: its answers stay
    for (const row of rows) {
      if (stateOf(row) === row.was) delete kept[row.id];
      else kept[row.id] = { answer: row.answer, explanation: row.explanation, was: row.was };
    }
    localStorage.setItem(store, JSON.stringify(kept));
  } catch (error) {
    trouble("This browser keeps nothing for local pages: download the CSV before you close the page.");
  }
}

// Answers of one character are chosen by that character, others by their place.
function keysOf(row) {
  return row.allowed.map((a, i) => (row.allowed.every((b) => b.length === 1) ? a.toLowerCase() : String(i + 1)));
}

let heard = "";
function hear(row) {
  at("listen").hidden = !row.sound;
  if (row.sound === heard) return;
  heard = row.sound;
  if (heard) at("sound").src = heard;
  else at("sound").pause();
}

function play() {
  if (!heard) return;
  if (at("sound").paused) at("sound").play();
  else at("sound").pause();
}

function again() {
  if (!heard) return;
  at("sound").currentTime = 0;
  at("sound").play();
}

function show() {
  const row = rows[place];
  hear(row);
  const done = rows.filter((r) => r.answer).length;
  at("state").textContent = `Question ${place + 1} of ${rows.length}; ${done} answered. ${sheet.name}`;
  at("done").max = rows.length;
  at("done").value = done;
  at("rubric").textContent = `${row.rubric}, version ${row.version}`;
  at("instruction").textContent = row.instruction;
  at("texts").textContent = row.texts;
  at("why").value = row.explanation;
  const keys = keysOf(row);
  at("answers").replaceChildren(
    ...row.allowed.map((answer, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(row.answer === answer));
      button.append(answer);
      if (keys[i] !== answer) {
        const key = document.createElement("kbd");
        key.append(keys[i]);
        button.append(key);
      }
      button.addEventListener("click", () => choose(answer));
      return button;
    }),
  );
}

function choose(answer) {
  rows[place].answer = answer;
  keep();
  if (answer && place < rows.length - 1) place += 1;
  show();
}

function move(steps) {
  place = Math.min(rows.length - 1, Math.max(0, place + steps));
  show();
}

function nextOpen() {
  for (let k = 1; k <= rows.length; k += 1) {
    const i = (place + k) % rows.length;
    if (!rows[i].answer) {
      place = i;
      break;
    }
  }
  show();
}

// What tml_bench.csv_text does.
function csv() {
  const [formula, number] = [new RegExp("^" + sheet.formula), new RegExp("^(?:" + sheet.number + ")$")];
  const cell = (text) => {
    const inert = formula.test(text) && !number.test(text) ? "'" + text : text;
    return /[",\n\r]/.test(inert) ? '"' + inert.replaceAll('"', '""') + '"' : inert;
  };
  const text = (row, name) => (name === "allowed" ? row.allowed.join(" | ") : String(row[name]));
  const lines = rows.map((row) => sheet.columns.map((name) => cell(text(row, name))).join(","));
  return [sheet.columns.join(","), ...lines].join("\n") + "\n";
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = sheet.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === at("why")) {
    if (event.key === "Escape") at("why").blur();
    return;
  }
  // Its own keys seek and play.
  if (event.target === at("sound") && (event.key === " " || event.key.startsWith("Arrow"))) return;
  const chosen = keysOf(rows[place]).indexOf(event.key.toLowerCase());
  const acts = {
    ArrowLeft: () => move(-1), ArrowRight: () => move(1), n: nextOpen, s: save, Backspace: () => choose(""),
    e: () => at("why").focus(), p: play, r: again,
  };
  if (chosen >= 0) choose(rows[place].allowed[chosen]);
  else if (Object.hasOwn(acts, event.key)) acts[event.key]();
  else return;
  event.preventDefault();
});
at("why").addEventListener("input", () => {
  rows[place].explanation = at("why").value;
  keep();
});
for (const [id, act] of [["back", () => move(-1)], ["next", () => move(1)], ["open", nextOpen], ["save", save],
  ["play", play], ["again", again], ["clear", () => choose("")]]) {
  at(id).addEventListener("click", act);
}
restore();
if (rows.length) show();
