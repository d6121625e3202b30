"use strict";
(function () {
  const verdict = (value) => (value === null ? "" : value >= 0.999 ? "right" : "wrong");

  window.vesaliusView = {
    controls: ["part", "status", "right", "group"],
    fits: (all, place, chosen) =>
      (!chosen.part || all.part[place] === chosen.part) &&
      (!chosen.status || all.status[place] === chosen.status) &&
      (!chosen.right || verdict(all.right[place]) === chosen.right) &&
      (!chosen.group || all.fields[place].includes(chosen.group)),
    kind: (all, place) => verdict(all.right[place]),
    note: (all, place) => all.status[place],
    article: (item, box, element) => {
      const facts = element("dl");
      const fact = (name, value) => facts.append(element("dt", name), element("dd", value));
      Object.entries(item.options).forEach(([letter, text]) => fact("option " + letter, text));
      fact("right", item.truth);
      fact("read as", (item.said || "–") + " (" + item.status + (item.rule ? ", " + item.rule : "") + ")");
      Object.entries(item.marks).forEach(([rule, values]) =>
        fact(rule, Object.entries(values).map(([name, value]) => name + " " + Math.round(value * 1000) / 1000).join(", ") || "left out"));
      Object.entries(item.fields).forEach(([name, value]) => fact(name, value));
      box.append(facts);
      item.replies.forEach((text, number) => box.append(
        element("h4", item.replies.length > 1 ? "Reply " + (number + 1) : "Reply"), element("pre", text || "(nothing)")));
      box.append(element("h4", "As it was put"), element("pre", item.prompt));
    },
  };
})();
