/* The list's filters and order: what they hold is in the hash, what they find is a list of places in the index. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const { el } = bench;
  const COUNTED = ["hit", "early", "late", "wrong", "missed", "false_alarm"];
  const NAMES = ["task", "system", "subset", "outcome", "happened", "from", "to", "text", "sort"];

  /* Texts of a sample as the list shows and searches them. */
  bench.rowOf = (index, at) => {
    const { columns } = index;
    const run = index.runs[columns.run[at]];
    const metric = index.metrics[columns.metric[at]];
    return {
      at, run, metric,
      sample: columns.sample[at],
      n: columns.n[at],
      subset: index.subsets[columns.subset[at]],
      outcome: index.outcomes[columns.outcome[at]],
      score: columns.score[at],
      badness: columns.badness[at],
      duration_s: columns.duration_s[at],
      reason: columns.reason[at],
      counts: Object.fromEntries(COUNTED.map((name) => [name, columns[name][at]])),
    };
  };

  const KEYS = {
    sample: (index) => (at) => index.columns.sample[at],
    task: (index) => (at) => index.runs[index.columns.run[at]].task + index.subsets[index.columns.subset[at]],
    system: (index) => (at) => index.runs[index.columns.run[at]].adapter,
    outcome: (index) => (at) => index.outcomes[index.columns.outcome[at]],
    score: (index) => (at) => index.columns.badness[at],
    missed: (index) => (at) => index.columns.missed[at],
    length: (index) => (at) => index.columns.duration_s[at],
  };

  /* Places in order; what has no value stands last whichever way. The index itself is worst first. */
  function ordered(index, found, sort) {
    const down = sort.startsWith("-");
    const key = KEYS[down ? sort.slice(1) : sort];
    if (!key) return found;
    const value = key(index);
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    return found.map((at) => [value(at), at]).sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j;
      const order = typeof a === "string" ? compare(a, b) : a - b;
      return (down ? -order : order) || i - j;
    }).map(([, at]) => at);
  }

  /* The samples that the place asks for. */
  bench.findSamples = (index, place) => {
    const { columns, runs } = index;
    const get = (name) => place.get(name) || "";
    const [task, system, subset, outcome] = ["task", "system", "subset", "outcome"].map(get);
    const happened = get("happened").split(",").filter((name) => COUNTED.includes(name));
    const low = get("from") === "" ? null : Number(get("from"));
    const high = get("to") === "" ? null : Number(get("to"));
    const searched = get("text").toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (let at = 0; at < columns.sample.length; at += 1) {
      const run = runs[columns.run[at]];
      if (task && run.task !== task) continue;
      if (system && run.adapter !== system) continue;
      if (subset && index.subsets[columns.subset[at]] !== subset) continue;
      if (outcome && index.outcomes[columns.outcome[at]] !== outcome) continue;
      if (happened.length && !happened.some((name) => columns[name][at] > 0)) continue;
      if (low !== null || high !== null) {
        const metric = index.metrics[columns.metric[at]];
        const score = columns.score[at];
        if (score === null || !metric) continue;
        const shown = metric.unit === "%" ? 100 * score : score;
        if ((low !== null && shown < low) || (high !== null && shown > high)) continue;
      }
      if (searched.length) {
        const text = `${columns.sample[at]} ${run.run} ${run.adapter} ${run.task} ${index.subsets[columns.subset[at]]} ${columns.reason[at]}`.toLowerCase();
        if (!searched.every((word) => text.includes(word))) continue;
      }
      found.push(at);
    }
    return ordered(index, found, get("sort"));
  };

  function choice(name, label, values) {
    const select = el("select", { id: `filter-${name}`, "data-testid": `filter-${name}`, onchange: () => bench.place.write({ [name]: select.value }, true) },
      el("option", { value: "" }, "all"), values.map((value) => el("option", { value }, value || "(none)")));
    return el("div.filter", {}, el("label", { for: `filter-${name}` }, label), select);
  }

  function typed(name, label, type, given = {}) {
    let waiting;
    const input = el("input", { type, id: `filter-${name}`, "data-testid": `filter-${name}`, ...given, oninput: () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => bench.place.write({ [name]: input.value.trim() }, true), 80);
    } });
    return el(`div.filter.f-${name}`, {}, el("label", { for: `filter-${name}` }, label), input);
  }

  /* The filters' form; returns it with `show(place)`, which brings it to what the hash says. */
  bench.filterForm = (index) => {
    const unique = (values) => [...new Set(values)].filter(Boolean).sort(new Intl.Collator("en", { numeric: true }).compare);
    const boxes = COUNTED.map((name) => {
      const box = el("input", { type: "checkbox", value: name, "data-testid": `filter-${name}`, onchange: () => {
        bench.place.write({ happened: boxes.filter((b) => b.checked).map((b) => b.value).join(",") }, true);
      } });
      return box;
    });
    const counted = COUNTED.some((name) => index.columns[name].some((count) => count !== null));
    const form = el("form.filters", { "aria-label": "Filters", "data-testid": "filters", onsubmit: (event) => event.preventDefault() },
      typed("text", "Search", "search", { placeholder: "sample, system, reason" }),
      choice("task", "Task", unique(index.runs.map((run) => run.task))),
      choice("subset", "Family", unique(index.subsets)),
      choice("system", "System", unique(index.runs.map((run) => run.adapter))),
      choice("outcome", "Outcome", unique(index.outcomes)),
      typed("from", "Score from", "number", { step: "any" }),
      typed("to", "to", "number", { step: "any" }),
      counted ? el("fieldset.happened", {}, el("legend", {}, "With any of"),
        boxes.map((box) => el("label", {}, box, bench.chip(box.value)))) : null,
      el("button.quiet", { type: "button", "data-testid": "filter-clear", onclick: () => bench.place.write(Object.fromEntries(NAMES.map((name) => [name, ""])), true) }, "Clear"),
    );
    const show = (place) => {
      for (const field of form.querySelectorAll("select, input:not([type=checkbox])")) {
        const value = place.get(field.id.slice(7)) || "";
        if (field !== document.activeElement || !value) field.value = value;
      }
      const now = (place.get("happened") || "").split(",");
      for (const box of boxes) box.checked = now.includes(box.value);
    };
    return { form, show };
  };
  bench.COUNTED = COUNTED;
})();
