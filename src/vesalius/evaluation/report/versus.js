"use strict";
(function () {
  const at = (id) => document.getElementById(id);
  const chosen = () => [Number(at("by-first").value), Number(at("by-second").value)];
  const apart = (all, place) => {
    const [one, other] = chosen().map((system) => all.values[system][place]);
    if (one === null || other === null) return "";
    if (Math.abs(one - other) <= 1e-9) return one >= 0.999 ? "both" : "neither";
    return (one > other) === !all.lower[place] ? "first" : "second";
  };
  const shown = (value) => (value === null || value === undefined ? "–" : String(Math.round(value * 1000) / 1000));

  window.vesaliusView = {
    controls: ["first", "second", "which", "part", "group"],
    fits: (all, place, wished) =>
      (!wished.part || all.part[place] === wished.part) &&
      (!wished.group || all.fields[place].includes(wished.group)) &&
      (!wished.which || apart(all, place) === wished.which ||
        (wished.which === "apart" && ["first", "second"].includes(apart(all, place)))),
    kind: (all, place) => ({ first: "right", second: "wrong" })[apart(all, place)] || "",
    note: (all, place) => all.metric[place] + " " + chosen().map((system) => shown(all.values[system][place])).join(" and "),
    article: (item, box, element) => {
      const facts = element("dl");
      const fact = (name, value) => facts.append(element("dt", name), element("dd", value));
      Object.entries(item.options).forEach(([letter, text]) => fact("option " + letter, text));
      fact("right", item.truth);
      Object.entries(item.fields).forEach(([name, value]) => fact(name, value));
      box.append(facts);
      const both = element("div", undefined, "versus");
      [...new Set(chosen())].map((number) => item.systems[number]).forEach((system) => {
        const side = element("section");
        side.append(element("h4", system.name));
        side.append(element("p", "read as " + (system.said || "–") + " (" + system.status + "), " +
          Object.entries(system.marks).map(([name, value]) => name + " " + shown(value)).join(", "), "note"));
        system.replies.forEach((text) => side.append(element("pre", text || "(nothing)")));
        both.append(side);
      });
      box.append(both, element("h4", "As it was put to " + item.systems[0].name), element("pre", item.prompt));
    },
  };
})();
