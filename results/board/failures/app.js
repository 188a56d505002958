/* Brings the page to what the hash says: the list, a sample, or a sample by two systems. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const { el } = bench;
  const list = document.getElementById("list");
  const stage = document.getElementById("sample");
  const state = document.getElementById("state");
  let index;
  let table;
  let form;
  let found = [];
  let views = [];
  let shown = "";
  let asked = 0;

  function makeList() {
    table = new bench.SampleTable(index);
    form = bench.filterForm(index);
    const problems = index.runs.filter((run) => run.problem);
    list.append(
      el("div.listhead", {}, el("h1", { id: "list-title" }, "Samples"), el("p.soft", { id: "count", role: "status", "data-testid": "count" })),
      el("details.filterbox", { open: !matchMedia("(max-width: 700px)").matches }, el("summary", {}, "Filters"), form.form),
      problems.length ? el("details.problems", {}, el("summary", {}, `${problems.length} run${problems.length === 1 ? "" : "s"} could not be read in full`), el("ul", {}, problems.map((run) => el("li", {}, `${run.run}: ${run.problem}`)))) : "",
      table.root,
    );
  }

  const filterPart = (place) => ["task", "system", "subset", "outcome", "happened", "from", "to", "text", "sort"].map((name) => place.get(name) || "").join("\n");
  let filtered;
  function refilter(place) {
    const now = filterPart(place);
    if (now !== filtered) {
      filtered = now;
      found = bench.findSamples(index, place);
    }
    form.show(place);
  }

  function showList(place) {
    leave();
    stage.hidden = true;
    list.hidden = false;
    const all = index.columns.sample.length;
    const sort = place.get("sort") || "";
    document.getElementById("count").textContent = `${found.length === all ? all : `${found.length} of ${all}`} sample${all === 1 ? "" : "s"}${sort ? "" : ", worst first"}`;
    document.getElementById("where").textContent = `${index.runs.length} run${index.runs.length === 1 ? "" : "s"}`;
    document.title = "Samples · tml-bench viewer";
    table.show(found, sort);
  }

  const placeOf = (run, sample) => {
    const k = index.runs.findIndex((one) => one.key === run || one.run === run);
    return index.columns.sample.findIndex((id, at) => id === sample && index.columns.run[at] === k);
  };

  function leave() {
    shown = "";
    asked += 1;
    for (const view of views) view.close();
    views = [];
    stage.replaceChildren();
  }

  async function showSample(place) {
    const key = [place.get("run"), place.get("sample"), place.get("with") || ""].join("\n");
    if (key === shown) return;
    leave();
    shown = key;
    const mine = asked;
    list.hidden = true;
    stage.hidden = false;
    const places = [placeOf(place.get("run"), place.get("sample"))];
    if (place.get("with")) places.push(placeOf(place.get("with"), place.get("sample")));
    const rows = places.map((at) => (at < 0 ? null : bench.rowOf(index, at)));
    if (!rows[0]) {
      stage.append(el("h1", { id: "sample-title" }, "Not here"), el("p", {}, `No run here has the sample ${place.get("sample")}.`), el("p", {}, el("a", { href: bench.place.link({ run: "", sample: "", with: "" }) }, "All samples")));
      return;
    }
    const [row] = rows;
    document.title = `${row.sample} · ${row.run.adapter} · tml-bench viewer`;
    document.getElementById("where").textContent = row.run.run;
    const columns = el("div.columns", { "data-count": rows.filter(Boolean).length });
    stage.append(head(row, place), columns);
    const documents = await Promise.allSettled(rows.filter(Boolean).map((one) => bench.load(`data/samples/${encodeURIComponent(one.run.key)}/${one.n}`)));
    if (mine !== asked) return;
    documents.forEach((answer, k) => {
      if (answer.status === "rejected") {
        columns.append(el("p.warn", { role: "alert" }, `This sample cannot be read: ${answer.reason.message}`));
        return;
      }
      const view = new bench.SampleView(answer.value, rows[k]);
      views.push(view);
      columns.append(view.root);
    });
    link();
  }

  /* One view plays at a time; two show the same stretch of time, and are sought together. */
  function link() {
    for (const view of views) {
      view.player.addEventListener("play", () => {
        for (const other of views) if (other !== view) other.player.pause();
      });
      view.player.addEventListener("seeked", () => {
        for (const other of views) {
          const { player } = other;
          const at = Math.min(view.player.currentTime, player.duration);
          if (other !== view && player.paused && Math.abs(player.currentTime - at) > 0.01) player.currentTime = at;
        }
      });
      if (!view.timeline) continue;
      view.timeline.addEventListener("view", () => {
        for (const other of views) if (other !== view && other.timeline) other.timeline.like(view.timeline);
      });
    }
    bench.views = views;
  }

  function neighbour(by) {
    const place = bench.place.read();
    const now = found.indexOf(placeOf(place.get("run"), place.get("sample")));
    const next = now < 0 ? 0 : now + by;
    return next < 0 || next >= found.length ? null : bench.rowOf(index, found[next]);
  }

  function go(by) {
    const next = neighbour(by);
    if (!next) return;
    table.chosen = found.indexOf(next.at);
    const other = bench.place.read().get("with");
    bench.place.write({ run: next.run.key, sample: next.sample, with: other && other !== next.run.key && placeOf(other, next.sample) >= 0 ? other : "" });
  }

  function head(row, place) {
    const others = index.runs.map((run) => [run, placeOf(run.key, row.sample)]).filter(([run, at]) => at >= 0 && run.key !== row.run.key && run.task === row.run.task);
    const select = el("select", { id: "compare", "data-testid": "compare", onchange: () => bench.place.write({ with: select.value }) },
      el("option", { value: "" }, others.length ? "nobody" : "no other run has it"),
      others.map(([run]) => el("option", { value: run.key, selected: run.key === place.get("with") }, run.adapter === row.run.adapter ? run.run : run.adapter)));
    select.disabled = !others.length;
    const at = found.indexOf(row.at);
    const step = (by, label, sign, name) => el("button", { type: "button", "data-testid": name, "aria-label": label, disabled: !neighbour(by), onclick: () => go(by) }, el("span", { "aria-hidden": "true" }, sign));
    return el("div.samplehead", {},
      el("nav", { "aria-label": "Samples" }, el("a.back", { href: bench.place.link({ run: "", sample: "", with: "" }), "data-testid": "back" }, "‹ All samples"),
        step(-1, "Previous sample", "‹", "previous"), el("span.soft.number", {}, at < 0 ? "" : `${at + 1} / ${found.length}`), step(1, "Next sample", "›", "next")),
      el("div.title", {}, el("h1", { id: "sample-title" }, row.sample), el("p.soft", {}, [row.run.title || row.run.task, row.subset].filter(Boolean).join(" · "))),
      el("div.compare", {}, el("label", { for: "compare" }, "Side by side with"), select));
  }

  function show() {
    const place = bench.place.read();
    refilter(place);
    if (place.get("sample")) showSample(place);
    else showList(place);
  }

  const active = () => views.find((view) => view.root.contains(document.activeElement)) || views.find((view) => !view.player.paused) || views[0];
  const help = document.getElementById("help");
  const back = () => bench.place.write({ run: "", sample: "", with: "" });
  const keys = {
    j: () => go(1), k: () => go(-1), Escape: back, m: (view) => view.nextMissed(), " ": (view) => view.toggle(),
    ArrowLeft: (view) => { view.player.currentTime -= 2; }, ArrowRight: (view) => { view.player.currentTime += 2; },
    1: (view) => view.mute(0), 2: (view) => view.mute(1), "+": (view) => view.zoom(1.6), "=": (view) => view.zoom(1.6), "-": (view) => view.zoom(1 / 1.6), 0: (view) => view.timeline.all(),
  };
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const at = event.target;
    if (at.matches("input, select, textarea")) {
      if (event.key === "Escape") at.blur();
      return;
    }
    if (event.key === "?") help.showModal();
    else if (event.key === "/" && !list.hidden) {
      event.preventDefault();
      const box = list.querySelector(".filterbox");
      box.open = true;
      document.getElementById("filter-text").focus();
    } else if (!list.hidden) {
      if (["j", "k", "ArrowDown", "ArrowUp", "Enter"].includes(event.key) && at === document.body) {
        table.root.focus();
        table.key({ target: table.root, key: event.key, preventDefault: () => event.preventDefault(), stopPropagation() {} });
      }
    } else {
      if (event.key === " " && at.matches("button, summary, a")) return;
      const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
      const view = active();
      if (!act || (act.length && !(view && view.there))) return;
      event.preventDefault();
      act(view);
    }
  }

  async function start() {
    bench.theme.start();
    document.getElementById("help-open").addEventListener("click", () => help.showModal());
    document.getElementById("help-close").addEventListener("click", () => help.close());
    document.getElementById("skip").addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById("main").focus();
    });
    try {
      index = await bench.load("data/index");
    } catch (error) {
      state.textContent = `The samples cannot be read: ${error.message}`;
      return;
    }
    bench.index = index;
    state.hidden = true;
    makeList();
    window.addEventListener("hashchange", show);
    window.addEventListener("keydown", key);
    show();
    document.documentElement.dataset.ready = "true";
  }
  start();
})();
