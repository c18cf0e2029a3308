"use strict";
(() => {
  const page = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");
  const place = document.querySelector("[data-map]");
  const choice = document.querySelector("[data-measure]");
  let printing = false;

  // A figure names colours of the palette with `$`.
  const dress = (value, colours) => {
    if (typeof value === "string") return value[0] === "$" ? colours[value.slice(1)] : value;
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) {
      return value.length && value[0] !== null && typeof value[0] === "object" && !Array.isArray(value[0])
        ? value.map((one) => dress(one, colours))
        : value;
    }
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, dress(one, colours)]));
  };

  const draw = async () => {
    const { data, layout } = dress(page.figures[choice.value], dark.matches && !printing ? page.dark : page.light);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    if (narrow.matches) {
      layout.margin = { ...layout.margin, l: 44, r: 4 };
      layout.font.size = 11;
      layout.dragmode = false;
      for (const axis of [layout.xaxis, layout.yaxis]) axis.nticks = 8;
      const bar = data[0].colorbar;
      if (bar) Object.assign(bar, { orientation: "h", y: -0.22, yanchor: "top", thickness: 10, x: 0.5, len: 1 });
    }
    await Plotly.react(place, data, layout, {
      displaylogo: false,
      responsive: true,
      displayModeBar: narrow.matches ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    });
    document.documentElement.dataset.drawn = choice.value;
  };

  choice.addEventListener("change", draw);
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  addEventListener("beforeprint", () => { printing = true; draw(); });
  addEventListener("afterprint", () => { printing = false; draw(); });
  draw();
})();
