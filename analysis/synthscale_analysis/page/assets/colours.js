// Colours of the page's theme, for charts and widgets.
//
// A figure names its colours once, for white paper. What stands for the page (ink, paper, grid) is replaced by the
// page's own; on dark paper every other colour is mixed with white until it can be read.
"use strict";
window.synthscale = { widgets: {} };
(function () {
  const STANDS_FOR = { "0,0,0": "--ink", "255,255,255": "--paper", "230,230,230": "--rule" };
  const LEAST_CONTRAST = 4;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  function isDark() {
    const chosen = document.documentElement.dataset.theme;
    return !printing && (chosen ? chosen === "dark" : system.matches);
  }

  // Red, green, blue and opacity of "#rrggbb", "rgb(...)" and "rgba(...)"; null for what is none of them.
  function channels(colour) {
    const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
    if (hex) return [...hex.slice(1).map((pair) => parseInt(pair, 16)), 1];
    const rgb = /^rgba?\(([\d.,\s]+)\)$/i.exec(colour);
    const numbers = rgb ? rgb[1].split(",").map(Number) : [];
    return numbers.length === 3 ? [...numbers, 1] : numbers.length === 4 ? numbers : null;
  }

  // A custom property as the browser has resolved it.
  function ofPage(property) {
    const probe = document.body.appendChild(document.createElement("span"));
    probe.style.color = `var(${property})`;
    const [red, green, blue] = channels(window.getComputedStyle(probe).color);
    probe.remove();
    return [red, green, blue];
  }

  function luminance(rgb) {
    const [red, green, blue] = rgb.map((value) => ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  // As in WCAG 2.
  function contrast(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }

  function legible(rgb, paper) {
    let share = 0;
    let mixed = rgb;
    while (contrast(mixed, paper) < LEAST_CONTRAST && share < 1) {
      share += 0.05;
      mixed = rgb.map((value) => Math.round(value + (255 - value) * share));
    }
    return mixed;
  }

  // The colour as this theme has it; what is no plain colour stays.
  function themed(colour, page) {
    const parts = channels(colour);
    if (!parts || parts[3] === 0) return colour;
    const rgb = parts.slice(0, 3);
    const standsFor = STANDS_FOR[rgb.join(",")];
    const shown = standsFor ? page[standsFor] : page.dark ? legible(rgb, page["--paper"]) : rgb;
    return `rgba(${shown.join(",")},${parts[3]})`;
  }

  function pageColours() {
    const page = { dark: isDark() };
    for (const property of Object.values(STANDS_FOR)) page[property] = ofPage(property);
    return page;
  }

  // Themed in place: every value of a key that ends in "color", in lists too. Colour scales stay: they are read off.
  function themeFigure(part, page) {
    for (const [key, value] of Object.entries(part)) {
      if (/color$/i.test(key) && typeof value === "string") part[key] = themed(value, page);
      else if (/color$/i.test(key) && Array.isArray(value))
        part[key] = value.map((one) => (typeof one === "string" ? themed(one, page) : one));
      else if (value && typeof value === "object" && key !== "colorscale" && key !== "meta") themeFigure(value, page);
    }
    return part;
  }

  function announce() {
    document.dispatchEvent(new CustomEvent("synthscale:theme"));
  }

  function choose(theme) {
    document.documentElement.dataset.theme = theme;
    try {
      window.localStorage.setItem("synthscale-theme", theme);
    } catch {
      // a page opened from a file may have no storage: the choice then lasts as long as the page
    }
    announce();
  }

  function recall() {
    try {
      const theme = window.localStorage.getItem("synthscale-theme");
      if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    } catch {
      // as above
    }
  }

  recall();
  system.addEventListener("change", announce);
  Object.assign(window.synthscale, {
    isDark,
    isPrinting: () => printing,
    pageColours,
    themed: (colour) => themed(colour, pageColours()),
    themeFigure,
    toggleTheme: () => choose(isDark() ? "light" : "dark"),
    setPrinting(now) {
      printing = now;
      // the browser takes the style of print only once the page is laid out for it, and charts are drawn before
      document.documentElement.toggleAttribute("data-printing", now);
      announce();
    },
  });
})();
