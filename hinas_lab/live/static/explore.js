// A picture of points, one of which is chosen: by a click near it, by the arrow keys, or in Python.
// The picture comes drawn; `spots` say where its points are, in shares of its width and height.

const REACH = 30; // CSS pixels: a click farther from all points chooses none

function render({ model, el }) {
  const root = el.appendChild(document.createElement("div"));
  root.className = "hinas-points hinas-live";
  root.tabIndex = 0;
  root.innerHTML = `<img draggable="false"><span class="ring"></span><span class="tip"></span>`;
  const [image, ring, tip] = root.children;
  const spots = () => model.get("spots");

  const draw = () => {
    image.src = `data:image/png;base64,${model.get("png")}`;
    image.alt = model.get("alt");
    root.style.maxWidth = `${model.get("width")}px`;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `${model.get("alt")} The arrow keys go from net to net.`);
    mark();
  };
  const place = (element, spot) => {
    element.style.left = `${100 * spot.x}%`;
    element.style.top = `${100 * spot.y}%`;
  };
  const mark = () => {
    const spot = spots()[model.get("chosen")];
    ring.hidden = !spot;
    if (spot) place(ring, spot);
  };
  const show = (spot) => {
    tip.hidden = !spot;
    if (!spot) return;
    tip.textContent = spot.name;
    place(tip, spot);
    tip.classList.toggle("left", spot.x > 0.5);
  };
  const nearest = (event) => {
    const box = image.getBoundingClientRect();
    let found = -1, least = REACH;
    spots().forEach(({ x, y }, i) => {
      const away = Math.hypot(box.left + x * box.width - event.clientX, box.top + y * box.height - event.clientY);
      if (away < least) [found, least] = [i, away];
    });
    return found;
  };
  const choose = (i) => {
    model.set("chosen", i);
    model.save_changes();
  };

  root.addEventListener("pointermove", (event) => {
    const near = nearest(event);
    root.style.cursor = near < 0 ? "" : "pointer";
    show(spots()[near]);
  });
  root.addEventListener("pointerleave", () => show(null));
  root.addEventListener("click", (event) => {
    const near = nearest(event);
    if (near >= 0) choose(near);
  });
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(spots().length - 1, Math.max(0, model.get("chosen") + step));
    choose(next);
    show(spots()[next]);
  });
  const changes = ["change:png", "change:spots", "change:alt"];
  for (const change of changes) model.on(change, draw);
  model.on("change:chosen", mark);
  const cut = () => root.classList.add("hinas-cut-off");
  model.on("comm_live_update", cut);
  show(null);
  draw();
  return () => {
    for (const change of changes) model.off(change, draw);
    model.off("change:chosen", mark);
    model.off("comm_live_update", cut);
  };
}

export default { render };
