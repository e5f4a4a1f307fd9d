"use strict";
// Text from the server becomes text of the page, never markup.
const form = document.getElementById("ask"), inputs = [...form.elements.gene];
const result = document.getElementById("result"), profiles = document.getElementById("profiles");
const failure = document.getElementById("error");
let asked = 0, level = null;

function make(tag, fields = {}, ...children) {
  const svg = ["svg", "line", "rect", "circle", "text", "title", "g"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

async function fetched(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  const body = await answer.json().catch(() => ({ error: `the server answered ${answer.status} without a word` }));
  if (!answer.ok) throw new Error(body.error);
  return body;
}

const shown = (value) => (value === null || value === undefined ? "" : (value < 0 ? "−" : "+") + Math.abs(value).toPrecision(3));
const tone = (value) => (value < 0 ? "low" : "high");

function table(heads, rows) {
  const cell = (tag, value, head) => {
    const number = typeof value === "number" || head.startsWith("#");
    const text = typeof value === "number" ? shown(value) : value;
    return make(tag, number ? { class: "number" } : {}, text ?? "");
  };
  const header = make("tr", {}, ...heads.map((head) => cell("th", head.replace("#", ""), head)));
  const body = rows.map((row) => make("tr", {}, ...row.map((value, k) => cell("td", value, heads[k]))));
  return make("table", {}, make("thead", {}, header), make("tbody", {}, ...body));
}

function interval(predicted, measured) {
  const ends = [0, predicted.prediction, predicted.low, predicted.high, ...measured.map((one) => one.score)];
  const values = ends.filter((value) => value !== null && value !== undefined);
  const least = Math.min(...values), range = Math.max(...values) - least || 1;
  const x = (value) => 20 + (560 * (value - least)) / range;
  const picture = make("svg", { viewBox: "0 0 600 60", role: "img", "aria-label": "prediction, interval and measured scores" });
  picture.append(make("line", { class: "axis", x1: 20, x2: 580, y1: 30, y2: 30 }));
  picture.append(make("line", { class: "axis", x1: x(0), x2: x(0), y1: 12, y2: 48 }), make("text", { x: x(0) + 3, y: 58 }, "0"));
  if (predicted.low !== null && predicted.low !== undefined) {
    picture.append(make("line", { class: "span", x1: x(predicted.low), x2: x(predicted.high), y1: 30, y2: 30 }));
  }
  picture.append(make("circle", { class: "mark", cx: x(predicted.prediction), cy: 30, r: 7 }, make("title", {}, "predicted")));
  for (const one of measured) {
    picture.append(make("circle", { class: "dot", cx: x(one.score), cy: 30, r: 5 }, make("title", {}, `measured, ${one.study}`)));
  }
  return picture;
}

function histogram(profile, marks) {
  const most = Math.max(...profile.counts.map((count) => Math.log1p(count))), { edges, counts } = profile;
  const first = edges[0], range = edges[edges.length - 1] - first || 1;
  const x = (value) => 10 + (580 * (value - first)) / range;
  const picture = make("svg", { viewBox: "0 0 600 110", role: "img", "aria-label": "distribution of the predicted scores" });
  counts.forEach((count, k) => {
    const height = (80 * Math.log1p(count)) / most;
    const bar = make("rect", { class: "bar", x: x(edges[k]), width: 580 / counts.length - 1, y: 90 - height, height });
    bar.append(make("title", {}, `${count} genes from ${shown(edges[k])} to ${shown(edges[k + 1])}`));
    picture.append(bar);
  });
  for (const value of marks) picture.append(make("line", { class: "rule", x1: x(value), x2: x(value), y1: 5, y2: 90 }));
  picture.append(make("text", { x: 10, y: 106 }, shown(first)), make("text", { x: 590, y: 106, "text-anchor": "end" }, shown(edges[edges.length - 1])));
  return picture;
}

function scoreCard({ predicted, measured }) {
  const words = [];
  if (predicted.low !== null && predicted.low !== undefined) {
    words.push(`${Math.round(100 * level)} % of measurements are expected between ${shown(predicted.low)} and ${shown(predicted.high)}.`);
  } else if (predicted.prediction_std !== null && predicted.prediction_std !== undefined) {
    words.push(`Standard deviation ${predicted.prediction_std.toPrecision(3)}.`);
  }
  const known = measured.length
    ? table(["measured in", "#score"], measured.map((one) => [one.study, one.score]))
    : make("p", { class: "quiet" }, "Nobody measured these genes together in the data of this model.");
  return make("section", { id: "score" },
    make("h2", {}, predicted.names.join(" × ")), make("p", { class: "quiet" }, predicted.genes.join(", ")),
    make("p", { class: `score ${tone(predicted.prediction)}`, id: "prediction" }, shown(predicted.prediction)),
    make("p", {}, words.join(" ")), interval(predicted, measured), known);
}

const saidOfTerm = (term) => (term.kind === "genotype" ? term.names.join(" × ") : [term.names.join(" × "), term.name].filter(Boolean).join(": "));

function saidOfRemoval(one) {
  if (one.kind === "network") return `the network ${one.network}`;
  if (one.kind === "neighbour") return `all edges with ${one.names[0]}`;
  if (one.kind === "features") return `the features of ${one.names.join(" and ")}`;
  return `the edge ${one.names.join(one.kind === "edge" ? " – " : " → ")} of ${one.network}`;
}

function sumBlock(sum, open) {
  const measured = sum.terms.some((term) => term.measured !== null && term.measured !== undefined);
  const rows = sum.terms.map((term) => [saidOfTerm(term), term.value, ...(measured ? [term.measured ?? ""] : [])]);
  const block = make("details", open ? { open: "" } : {}, make("summary", {}, `by ${sum.name}`), make("p", { class: "quiet" }, sum.equation),
    table(["part", "#of the score", ...(measured ? ["#measured"] : [])], rows));
  return block;
}

function explanationCard(found) {
  const blocks = found.sums.map((sum, k) => sumBlock(sum, k === 0));
  if (found.removals.length) {
    blocks.push(make("h3", {}, "Without, the score loses"), table(["without", "#change"], found.removals.map((one) => [saidOfRemoval(one), one.change])));
  }
  if (found.similar.length) {
    const said = (shares) => Object.entries(shares).slice(0, 3).map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ");
    blocks.push(make("h3", {}, "Genes that the model takes for alike"),
      table(["gene", "is like", "#similarity", "by"], found.similar.map((one) => [one.name, one.other_name, one.similarity, said(one.shares)])));
  }
  const notes = found.notes.map((note) => make("p", { class: "quiet" }, note));
  return make("section", { id: "explanation" }, make("h2", {}, "What carries this prediction"), ...blocks, ...notes);
}

async function explain(names, scale, turn) {
  const place = make("div", {}, make("p", { class: "quiet" }, "Taking the prediction apart …"));
  result.append(place);
  const card = await fetched("/explain", { genes: names.join(","), ...scale }).then(explanationCard)
    .catch((error) => make("section", { id: "explanation" }, make("p", { class: "quiet" }, `No explanation: ${error.message}`)));
  if (turn === asked) place.replaceChildren(card);
}

function profileCard(profile, others) {
  const known = new Map([...profile.lowest, ...profile.highest].map((one) => [one.gene, one.prediction]));
  const ask = (partner) => make("button", { class: "link", type: "button", onclick: () => askFor([profile.name, partner.name]) }, partner.name);
  const list = (title, rows) => make("div", {}, make("h3", {}, title),
    table(["gene", "#predicted", "#measured"], rows.map((one) => [ask(one), one.prediction, one.measured ?? ""])));
  const marks = others.filter((gene) => known.has(gene)).map((gene) => known.get(gene));
  return make("section", { class: "profile" },
    make("h2", {}, `${profile.name} with every other gene`), make("p", { class: "quiet" }, `${profile.gene}. ${profile.description}`),
    histogram(profile, marks), make("p", { class: "quiet" }, `${profile.partners.toLocaleString("en")} predicted pairs, heights on a logarithmic scale.`),
    make("div", { class: "columns" }, list("lowest scores", profile.lowest), list("highest scores", profile.highest)));
}

async function answer(names) {
  const turn = ++asked, study = form.elements.study.value, scale = study ? { study } : {};
  failure.hidden = true;
  result.replaceChildren(make("p", { class: "quiet" }, "Predicting …"));
  profiles.replaceChildren();
  history.replaceState(null, "", `?${new URLSearchParams({ genes: names.join(","), ...scale })}`);
  try {
    const found = await fetched("/genotype", { genes: names.join(","), ...scale });
    if (turn !== asked) return;
    result.replaceChildren(scoreCard(found));
    const explained = explain(names, scale, turn);
    for (const gene of found.predicted.genes) {
      const profile = await fetched("/profile", { gene, ...scale });
      if (turn !== asked) return;
      profiles.append(profileCard(profile, found.predicted.genes));
    }
    await explained;
    if (turn === asked) document.body.dataset.state = "done";
  } catch (error) {
    if (turn !== asked) return;
    result.replaceChildren();
    failure.textContent = error.message;
    failure.hidden = false;
    document.body.dataset.state = "failed";
  }
}

function askFor(names) {
  inputs.forEach((input, k) => { input.value = names[k] ?? ""; });
  window.scrollTo({ top: 0 });
  return answer(names);
}

function complete(input) {
  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    const query = input.value.trim();
    if (!query) return;
    waiting = setTimeout(async () => {
      const { genes } = await fetched("/genes", { query }).catch(() => ({ genes: [] }));
      const options = genes.map((one) => make("option", { value: one.name }, `${one.gene} ${one.description.slice(0, 80)}`));
      if (input.value.trim() === query) input.list.replaceChildren(...options);
    }, 120);
  });
}

async function introduce() {
  const model = await fetched("/model", {});
  level = model.interval && model.interval.level;
  const own = model.metrics.find((row) => row.model === "model");
  const worth = own && own.pearson ? ` On ${own.genotypes.toLocaleString("en")} test genotypes its Pearson correlation is ${own.pearson.toFixed(3)}.` : "";
  document.getElementById("model").textContent =
    `Predicted by a model of kind ${model.kind} over ${model.genes.toLocaleString("en")} genes.${worth} ${model.notes.join(". ")}`;
  const select = form.elements.study;
  select.append(...model.studies.map((study) => make("option", { value: study }, study)));
  document.getElementById("studies").hidden = !model.studies.length;
}

inputs.forEach(complete);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  answer(inputs.map((input) => input.value.trim()).filter(Boolean));
});
introduce().then(() => {
  const query = new URLSearchParams(location.search);
  if (query.get("study")) form.elements.study.value = query.get("study");
  if (query.get("genes")) askFor(query.get("genes").split(","));
}).catch((error) => { failure.textContent = error.message; failure.hidden = false; });
