// A page without a kernel: light and dark, boards in the place of pictures, wipes, printing.
(() => {
  const page = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const desks = [];

  // a browser may keep nothing for a page that is a file
  function kept(theme) {
    try {
      if (theme) localStorage.setItem("hinas-theme", theme);
      return localStorage.getItem("hinas-theme");
    } catch {
      return theme ?? null;
    }
  }

  function dress(theme = kept() ?? (system.matches ? "dark" : "light")) {
    page.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = theme === "dark" ? "☀ light" : "☾ dark";
  }

  function buildTheme() {
    document.getElementById("theme").addEventListener("click", () => {
      const theme = page.dataset.theme === "dark" ? "light" : "dark";
      kept(theme);
      dress(theme);
    });
    dress();
  }

  function chooser(names, chosen, n, changed) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", n ? "second search" : "first search");
    for (const name of names) select.add(new Option(name, name, false, name === chosen[n]));
    select.addEventListener("change", () => {
      chosen[n] = select.value;
      changed();
    });
    return select;
  }

  function buildBoard(place) {
    const films = globalThis.hinasFilms ?? {};
    const names = JSON.parse(place.dataset.films).filter((name) => films[name]);
    if (!names.length) return; // what stands there instead stays
    const chosen = names.slice(0, 2);
    const shown = () => [...new Set(chosen)].map((name) => films[name]);
    const last = () => Math.max(...shown().map((film) => film.epochs.length - 1));
    const root = document.createElement("div");
    place.replaceChildren(root);
    const desk = hinas.mount(root, shown(), { start: last() });
    desks.push(desk);
    if (names.length === chosen.length) return;
    const line = document.createElement("p");
    const changed = () => desk.load(shown(), Math.min(desk.time, last()));
    line.append("Shown: ", chooser(names, chosen, 0, changed), " beside ", chooser(names, chosen, 1, changed));
    place.prepend(line);
  }

  function buildWipe(figure) {
    const [range, pair] = [figure.querySelector("input"), figure.querySelector(".pair")];
    const wipe = () => figure.style.setProperty("--share", `${range.value}%`);
    range.addEventListener("input", wipe);
    pair.addEventListener("pointermove", (event) => {
      if (!event.buttons) return;
      const box = pair.getBoundingClientRect();
      range.value = (100 * (event.clientX - box.left)) / box.width;
      wipe();
    });
    wipe();
  }

  // paper is white, 18 cm wide, and nothing on it can be opened
  function print() {
    const closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
    for (const { root } of desks) root.style.width = "690px";
    for (const desk of desks) {
      desk.root.classList.remove("dark");
      desk.show(desk.time);
    }
    const back = () => {
      for (const details of closed) details.open = false;
      for (const desk of desks) {
        desk.root.style.width = "";
        desk.theme();
      }
    };
    addEventListener("afterprint", back, { once: true });
  }

  dress();
  system.addEventListener("change", () => dress());
  addEventListener("beforeprint", print);
  addEventListener("DOMContentLoaded", () => {
    buildTheme();
    document.querySelectorAll("[data-films]").forEach(buildBoard);
    document.querySelectorAll(".before-after").forEach(buildWipe);
  });
})();
