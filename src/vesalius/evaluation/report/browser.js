"use strict";
(function () {
  const all = window.vesaliusItems, view = window.vesaliusView, size = 50;
  const at = (id) => document.getElementById(id);
  if (!all) { at("found").textContent = "The folder items is not beside this page, so the items cannot be shown."; return; }
  const blocks = {}, waiting = {};
  let found = [], first = 0, current = 0;

  window.vesaliusBlock = (number, rows) => {
    blocks[number] = rows;
    (waiting[number] || []).forEach((then) => then());
    delete waiting[number];
  };

  function withItem(place, then) {
    const number = Math.floor(place / all.block), run = () => then(blocks[number][place % all.block]);
    if (blocks[number]) return run();
    if (waiting[number]) return void waiting[number].push(run);
    waiting[number] = [run];
    const script = document.createElement("script");
    script.src = "items/block-" + String(number).padStart(5, "0") + ".js";
    script.onerror = () => { at("item").textContent = script.src + " is missing; evaluate again to write it."; };
    document.body.append(script);
  }

  function element(tag, text, kind) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function filter() {
    const words = at("by-words").value.trim().toLowerCase(), chosen = {};
    view.controls.forEach((name) => (chosen[name] = at("by-" + name).value));
    found = [];
    for (let place = 0; place < all.id.length; place++) {
      if (!view.fits(all, place, chosen)) continue;
      if (words && !(all.id[place] + " " + all.question[place]).toLowerCase().includes(words)) continue;
      found.push(place);
    }
    first = 0; current = 0;
    list(); show();
  }

  function list() {
    const box = at("list"), held = box !== document.activeElement && box.contains(document.activeElement);
    box.replaceChildren();
    at("found").textContent = found.length.toLocaleString() + " of " + all.id.length.toLocaleString() + " items" +
      (found.length ? ", " + (first + 1) + " to " + Math.min(first + size, found.length) : "");
    found.slice(first, first + size).forEach((place, row) => {
      const button = element("button", all.question[place], view.kind(all, place));
      button.append(element("small", all.id[place] + " · " + view.note(all, place)));
      button.setAttribute("aria-current", String(first + row === current));
      button.onclick = () => {
        current = first + row; list(); show();
        if (matchMedia("(max-width: 760px)").matches) at("item").scrollIntoView();
      };
      const line = element("li"); line.append(button); box.append(line);
    });
    if (found.length > size) {
      const line = element("li", undefined, "turn"), back = element("button", "‹ back"), on = element("button", "on ›");
      back.onclick = () => turn(-1); on.onclick = () => turn(1);
      line.append(back, on); box.append(line);
    }
    const now = box.querySelector('[aria-current="true"]');
    // The button that had the focus is gone with the old list: without this the arrows would scroll the page.
    if (held && now) now.focus();
  }

  function turn(by) {
    const next = first + by * size;
    if (next < 0 || next >= found.length) return;
    first = next; current = next; list(); show();
  }

  function step(by) {
    const next = current + by;
    if (next < 0 || next >= found.length) return;
    current = next;
    first = Math.floor(current / size) * size;
    list(); show();
  }

  function picture(one, boxes) {
    const figure = element("figure");
    if (one.file) {
      const frame = element("div", undefined, "frame"), image = element("img");
      image.src = "items/pictures/" + one.file; image.alt = "picture of the item"; frame.append(image);
      if (boxes.length) {
        const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        drawn.setAttribute("viewBox", "0 0 1 1"); drawn.setAttribute("preserveAspectRatio", "none");
        boxes.forEach(({ whose, box }) => {
          const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
          mark.setAttribute("class", whose);
          [["x", box[0]], ["y", box[1]], ["width", box[2] - box[0]], ["height", box[3] - box[1]]]
            .forEach(([name, value]) => mark.setAttribute(name, value));
          drawn.append(mark);
        });
        frame.append(drawn);
      }
      figure.append(frame);
    }
    figure.append(element("figcaption", one.path));
    return figure;
  }

  function show() {
    const box = at("item");
    box.replaceChildren();
    if (!found.length) { box.textContent = "No item fits."; return; }
    const place = found[current];
    withItem(place, (item) => {
      if (found[current] !== place) return;
      box.replaceChildren(element("h3", item.question), element("p", item.id + " · " + item.part + " · cluster " + item.cluster, "study"));
      const shown = element("div", undefined, "shown");
      item.pictures.forEach((one, number) => shown.append(picture(one, number ? [] : item.boxes)));
      box.append(shown);
      view.article(item, box, element);
    });
  }

  view.controls.forEach((name) => (at("by-" + name).onchange = filter));
  at("by-words").oninput = filter;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
    const inside = at("list").contains(document.activeElement);
    const does = { j: () => step(1), k: () => step(-1), n: () => turn(1), p: () => turn(-1) };
    if (inside) Object.assign(does, { ArrowDown: does.j, ArrowUp: does.k });
    if (does[event.key]) { event.preventDefault(); does[event.key](); }
  });
  filter();
})();
