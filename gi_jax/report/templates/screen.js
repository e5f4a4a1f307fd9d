"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 50;
  const byId = (id) => document.getElementById(id);
  const [table, search, end, unknown, all] = ["ranking", "search", "end", "unknown", "all"].map(byId);
  const column = (key) => data.columns.findIndex((one) => one.key === key);
  const genesAt = column("genes"), measuredAt = column("measured");
  const searchable = data.genes.map((gene) => gene.slice(0, 3).join(" ").toLowerCase());
  const cls = { always: "", wide: "wide-only", asked: "asked" };
  let sorted = { at: column("rank"), down: false }, page = 0, chosen = [];

  const element = (tag, properties = {}, children = []) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const isNumber = (one) => one.kind === "number" || one.kind === "whole";
  const number = (one, value) => {
    if (value === null) return "–";
    return (one.kind === "whole" ? value.toLocaleString("en") : value.toPrecision(4)).replace("-", "−");
  };
  const link = (text, address, gene) =>
    element("a", { textContent: text, href: address + encodeURIComponent(gene), target: "_blank", rel: "noopener noreferrer" });

  const geneCell = (places) => places.map((place) => {
    const [systematic, label, description, listed] = data.genes[place];
    const about = element("span", { className: "about", textContent: description, hidden: true });
    const name = element("button", { type: "button", textContent: label, title: description, disabled: !description });
    name.addEventListener("click", () => { about.hidden = !about.hidden; });
    const parts = [name];
    if (label !== systematic) parts.push(" ", element("small", { textContent: systematic }));
    if (listed) parts.push(" ", link("SGD", data.sgd, systematic), " ", link("BioGRID", data.biogrid, systematic));
    return element("span", { className: "gene" }, [...parts, about]);
  });
  const cell = (one, value) => {
    const made = element("td", { className: cls[one.shown] });
    if (one.kind === "genes") made.append(...geneCell(value));
    else if (one.kind === "flag") made.textContent = value === null ? "–" : value ? "yes" : "no";
    else if (isNumber(one)) { made.classList.add("number"); made.textContent = number(one, value); }
    else made.textContent = value ?? "–";
    return made;
  };

  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  };
  const sortKey = (row) => {
    const value = data.rows[row][sorted.at];
    return sorted.at === genesAt ? value.map((place) => data.genes[place][1]).join(",") : value;
  };
  const choose = () => {
    const words = search.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    const found = words.map((word) => new Set(searchable.flatMap((text, place) => (text.includes(word) ? [place] : []))));
    chosen = data.rows.map((_, row) => row).filter((row) => {
      if (end.value && data.ends[row] !== end.value) return false;
      if (unknown.checked && data.rows[row][measuredAt] !== null) return false;
      return found.every((places) => data.rows[row][genesAt].some((place) => places.has(place)));
    });
    const sign = sorted.down ? -1 : 1;
    chosen.sort((a, b) => {
      const [x, y] = [sortKey(a), sortKey(b)];
      return x === null || y === null ? compare(x, y) : sign * compare(x, y); // empty cells last either way
    });
    page = 0;
    show();
  };
  const show = () => {
    const rows = chosen.slice(page * PAGE, (page + 1) * PAGE);
    table.tBodies[0].replaceChildren(
      ...rows.map((row) => element("tr", {}, data.columns.map((one, at) => cell(one, data.rows[row][at])))));
    const first = page * PAGE + 1, last = page * PAGE + rows.length;
    byId("count").textContent = rows.length
      ? `${first.toLocaleString("en")} to ${last.toLocaleString("en")} of ${chosen.length.toLocaleString("en")} genotypes`
      : "no genotype of the list fits";
    byId("before").disabled = page === 0;
    byId("after").disabled = last >= chosen.length;
    [...table.tHead.rows[0].cells].forEach((head, at) =>
      head.setAttribute("aria-sort", at !== sorted.at ? "none" : sorted.down ? "descending" : "ascending"));
  };

  table.tHead.append(element("tr", {}, data.columns.map((one, at) => {
    const button = element("button", { type: "button", textContent: one.label });
    button.addEventListener("click", () => {
      sorted = { at, down: sorted.at === at && !sorted.down };
      choose();
    });
    const head = element("th", { scope: "col", className: cls[one.shown] }, [button]);
    if (isNumber(one)) head.classList.add("number");
    return head;
  })));
  unknown.parentElement.hidden = measuredAt < 0;
  all.parentElement.hidden = data.columns.every((one) => one.shown === "always");
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  [search, end, unknown].forEach((field) => field.addEventListener("input", choose));
  all.addEventListener("input", () => table.classList.toggle("all", all.checked));
  byId("before").addEventListener("click", () => { page -= 1; show(); });
  byId("after").addEventListener("click", () => { page += 1; show(); });
  choose();
})();
