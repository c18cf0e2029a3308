"use strict";
(() => {
  const report = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");
  const state = { printing: false, logs: new Map() }; // by figure: whether its reader wants it logarithmic
  const config = {
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };

  // A figure names colours of the palette with `$` and long columns with `@`.
  const dress = (value, key, colours) => {
    if (typeof value === "string") {
      if (value[0] === "$" && /color$/i.test(key)) return colours[value.slice(1)];
      if (value[0] === "@" && key === "x") return report.shared[value.slice(1)];
      return value;
    }
    if (Array.isArray(value)) {
      return value.length && typeof value[0] === "object" ? value.map((one) => dress(one, key, colours)) : value;
    }
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, dress(one, name, colours)]));
  };

  const show = (place, isLog) => {
    const button = place.closest("section").querySelector("[data-log]");
    if (button) button.setAttribute("aria-pressed", String(isLog));
  };

  const draw = (place) => {
    const colours = dark.matches && !state.printing ? report.dark : report.light;
    const { data, layout } = dress(report.figures[place.dataset.figure], "", colours);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    if (narrow.matches) {
      layout.margin = { ...layout.margin, l: 48, r: 6 };
      layout.font.size = 11;
      layout.legend.font = { size: 11 };
      layout.dragmode = false;
    }
    const wanted = state.logs.get(place.dataset.figure);
    if (wanted !== undefined) layout.yaxis.type = wanted ? "log" : "linear";
    const isLog = layout.yaxis.type === "log";
    const spansDecades = report.figures[place.dataset.figure].layout.yaxis.type === "log";
    if (isLog && spansDecades) layout.yaxis.dtick = "D2"; // marks at 1, 2 and 5
    show(place, isLog);
    return Plotly.react(place, data, layout, { ...config, displayModeBar: narrow.matches ? false : "hover" });
  };

  const places = () => [...document.querySelectorAll("[data-figure]")];
  const drawAll = async () => {
    for (const place of places()) await draw(place);
    document.documentElement.dataset.drawn = "true";
  };

  for (const button of document.querySelectorAll("[data-log]")) {
    button.addEventListener("click", () => {
      const place = button.closest("section").querySelector("[data-figure]");
      state.logs.set(place.dataset.figure, button.getAttribute("aria-pressed") !== "true");
      draw(place);
    });
  }

  const choice = document.querySelector("[data-choice='price']");
  if (choice) {
    choice.addEventListener("change", () => {
      const place = document.querySelector("[data-figure^='price-']");
      const symbol = choice.options[choice.selectedIndex].text;
      place.dataset.figure = choice.value;
      place.setAttribute("aria-label", `Price of ${symbol} with the entries and exits of its trades.`);
      place.parentElement.querySelector("figcaption").textContent = report.captions[choice.value];
      draw(place);
    });
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent;
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (up ? 1 : -1) * compare(key(a, column), key(b, column)));
        table.tBodies[0].append(...rows);
      });
    });
  }

  dark.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { state.printing = true; drawAll(); });
  addEventListener("afterprint", () => { state.printing = false; drawAll(); });
  drawAll();
})();
