/* The list of samples: only the rows in sight are in the page, so 10,000 of them scroll as 30 do. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const { el } = bench;
  const ROW = 44;
  const SPARE = 6;
  const COLUMNS = [
    ["sample", "Sample"], ["task", "Task"], ["system", "System"], ["outcome", "Outcome"],
    ["score", "Score"], ["missed", "Happened"], ["length", "Length"],
  ];

  class SampleTable {
    constructor(index) {
      this.index = index;
      this.order = [];
      this.chosen = 0;
      this.rows = [];
      this.heads = COLUMNS.map(([name, title]) => {
        const button = el("button", { type: "button", "data-testid": `sort-${name}`, onclick: () => this.sort(name) }, title, el("span.arrow", { "aria-hidden": "true" }));
        return el(`div.c-${name}`, { role: "columnheader", "data-sort": name }, button);
      });
      this.body = el("div.rows", { role: "rowgroup" });
      this.scroller = el("div.scroller", { role: "presentation" }, this.body);
      this.root = el("div.table", { role: "grid", tabIndex: 0, "aria-label": "Samples", "data-testid": "samples" },
        el("div", { role: "rowgroup" }, el("div.row.headrow", { role: "row", "aria-rowindex": 1 }, this.heads)), this.scroller);
      this.scroller.addEventListener("scroll", () => this.later(), { passive: true });
      this.root.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.later()).observe(this.scroller);
    }

    sort(name) {
      const now = bench.place.read().get("sort") || "";
      const first = ["score", "missed", "length"].includes(name) ? [`-${name}`, name] : [name, `-${name}`];
      const next = now === first[0] ? first[1] : now === first[1] ? "" : first[0];
      bench.place.write({ sort: next }, true);
    }

    show(order, sort) {
      const same = order.length === this.order.length && order.every((at, k) => at === this.order[k]);
      this.order = order;
      for (const head of this.heads) {
        const name = head.dataset.sort;
        const way = sort === name ? "ascending" : sort === `-${name}` ? "descending" : name === "score" && !sort ? "descending" : "none";
        head.setAttribute("aria-sort", way);
      }
      this.root.setAttribute("aria-rowcount", order.length + 1);
      this.body.style.height = `${order.length * ROW}px`;
      if (!same) {
        this.chosen = 0;
        this.scroller.scrollTop = 0;
      }
      this.draw();
    }

    later() {
      if (this.asked) return;
      this.asked = requestAnimationFrame(() => {
        this.asked = 0;
        this.draw();
      });
    }

    draw() {
      const height = this.scroller.clientHeight;
      if (!height) return;
      const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - SPARE);
      const count = Math.min(this.order.length - first, Math.ceil(height / ROW) + 2 * SPARE);
      while (this.rows.length < count) this.rows.push(this.blank());
      /* A row keeps its place in the list for as long as that is in sight, so a short way refills few rows. */
      const pool = this.rows.length;
      const used = new Set();
      for (let place = first; place < first + count; place += 1) {
        used.add(place % pool);
        this.fill(this.rows[place % pool], place);
      }
      this.rows.forEach((row, k) => {
        if (!used.has(k) && row.root.parentNode) row.root.remove();
      });
      const active = `row-${this.chosen}`;
      if (document.getElementById(active)) this.root.setAttribute("aria-activedescendant", active);
      else this.root.removeAttribute("aria-activedescendant");
    }

    blank() {
      const cells = Object.fromEntries(COLUMNS.map(([name]) => [name, el(`div.c-${name}`, { role: "gridcell" })]));
      const link = el("a", { tabIndex: -1 });
      const under = el("small");
      const brief = el("small.brief");
      cells.sample.append(link, under, brief);
      const family = el("small");
      const task = el("span");
      cells.task.append(task, family);
      const bar = el("span.fill");
      const number = el("span.number");
      const metric = el("small");
      cells.score.append(number, el("span.gauge", { "aria-hidden": "true" }, bar), metric);
      const root = el("div.row", { role: "row", "data-testid": "sample-row" }, COLUMNS.map(([name]) => cells[name]));
      const row = { root, cells, link, under, brief, task, family, bar, number, metric };
      root.addEventListener("click", (event) => {
        if (event.target === link || event.ctrlKey || event.metaKey) return;
        this.open(row.place);
      });
      return row;
    }

    fill(row, place) {
      if (!row.root.parentNode) this.body.append(row.root);
      row.root.style.transform = `translateY(${place * ROW}px)`;
      const chosen = place === this.chosen;
      row.root.setAttribute("aria-selected", chosen);
      const at = this.order[place];
      const key = `${place} ${at} ${location.hash}`;
      if (row.key === key) return;
      row.key = key;
      row.place = place;
      const given = bench.rowOf(this.index, at);
      row.root.id = `row-${place}`;
      row.root.setAttribute("aria-rowindex", place + 2);
      row.root.dataset.sample = given.sample;
      row.root.dataset.run = given.run.key;
      row.link.textContent = given.sample;
      row.link.href = bench.place.link({ run: given.run.key, sample: given.sample, with: "" });
      row.under.textContent = given.reason;
      row.brief.textContent = `${given.run.adapter} · ${given.run.task}`;
      row.task.textContent = given.run.task;
      row.family.textContent = given.subset;
      row.cells.system.textContent = given.run.adapter;
      row.cells.outcome.textContent = given.outcome.replaceAll("_", " ");
      row.cells.outcome.dataset.outcome = given.outcome;
      row.number.textContent = bench.value(given.score, given.metric ? given.metric.unit : "");
      row.metric.textContent = given.metric ? given.metric.title : "";
      row.bar.parentNode.hidden = given.badness === null;
      row.bar.style.width = given.badness === null ? "0" : `${Math.round(100 * (1 - given.badness))}%`;
      row.cells.missed.replaceChildren(...bench.COUNTED.filter((name) => given.counts[name] > 0).map((name) => {
        const { word, sign } = bench.STATES[name];
        return el(`span.count.s-${name}`, { title: `${given.counts[name]} ${word}` }, el("span", { "aria-hidden": "true" }, `${sign} ${given.counts[name]}`), el("span.unseen", {}, `${given.counts[name]} ${word} `));
      }));
      row.cells.length.textContent = given.duration_s ? `${given.duration_s.toFixed(1)} s` : "–";
    }

    key(event) {
      if (event.target !== this.root) return;
      const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 1);
      const by = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
      if (by !== undefined) {
        event.preventDefault();
        event.stopPropagation();
        this.choose(this.chosen + by);
      } else if (event.key === "Enter") this.open(this.chosen);
    }

    choose(place) {
      this.chosen = bench.clamp(place, 0, Math.max(0, this.order.length - 1));
      const top = this.chosen * ROW;
      const { scrollTop, clientHeight } = this.scroller;
      if (top < scrollTop) this.scroller.scrollTop = top;
      else if (top + ROW > scrollTop + clientHeight) this.scroller.scrollTop = top + ROW - clientHeight;
      this.draw();
    }

    open(place) {
      if (place >= this.order.length) return;
      this.chosen = place;
      const { run, sample } = bench.rowOf(this.index, this.order[place]);
      bench.place.write({ run: run.key, sample, with: "" });
    }
  }

  bench.SampleTable = SampleTable;
})();
