// A browser of solutions: steps shaded by their advantage, pits, pairs, and how rollouts went on. What a model wrote is
// data: it enters the page as text nodes alone.
"use strict";
(function () {
  const HASH = "#solutions=";
  const FILTERS = [
    ["all", "all solutions", () => true],
    ["pit", "with a pit", (one) => one.known.pit !== undefined],
    ["wrong", "wrong", (one) => one.verdict === "wrong"],
    ["right", "right", (one) => one.verdict === "correct"],
    ["spurious", "right, but with a spurious step", isSpurious],
    ["unparseable", "without a readable answer", (one) => one.verdict !== "wrong" && one.verdict !== "correct"],
  ];
  const VERDICTS = { correct: "right", wrong: "wrong", unparseable: "no readable answer", timeout: "not graded in time" };

  function make(tag, name, text) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function labelled(text, control) {
    const label = make("label", "field");
    label.append(make("span", "", text), control);
    return label;
  }

  function option(value, text) {
    const element = make("option", "", text);
    element.value = value;
    return element;
  }

  // The values Q of the prefixes 0 … L of a solution; null where nothing is known. After the last step it is known.
  function valuesOf(solution) {
    const outcomes = solution.known.outcomes || [];
    const values = solution.steps.map((_, i) => (outcomes[i] ? outcomes[i][0] / outcomes[i][1] : null));
    return [...values, solution.verdict === "correct" ? 1 : solution.verdict === "wrong" ? 0 : null];
  }

  function advantagesOf(solution) {
    const values = valuesOf(solution);
    if (!solution.known.outcomes) return solution.steps.map(() => null);
    return solution.steps.map((_, i) =>
      values[i] === null || values[i + 1] === null ? null : values[i + 1] - values[i],
    );
  }

  function isSpurious(solution) {
    if (solution.verdict !== "correct") return false;
    return (solution.wrong || []).some(Boolean) || advantagesOf(solution).some((value) => value !== null && value < 0);
  }

  const signed = (value) => (Math.abs(value) < 0.005 ? "0.00" : (value > 0 ? "+" : "−") + Math.abs(value).toFixed(2));

  function shade(element, advantage) {
    if (advantage === null) return;
    element.classList.add("valued", advantage < 0 ? "lowers" : "raises");
    element.style.setProperty("--amount", `${Math.round(Math.abs(advantage) * 100)}%`);
  }

  function legend() {
    const box = make("div", "scale");
    box.setAttribute("aria-hidden", "true");
    box.append(make("span", "", "lowers the chance"));
    for (const value of [-1, -0.5, 0, 0.5, 1]) {
      const chip = make("span", "chip", signed(value));
      shade(chip, value);
      box.append(chip);
    }
    box.append(make("span", "", "raises it"));
    return box;
  }

  // --- one solution ---------------------------------------------------------------------------------------------

  function chips(solution, advantages) {
    const row = make("span", "chips");
    solution.steps.forEach((_, i) => {
      const isPit = solution.known.pit === i + 1;
      const chip = make("span", isPit ? "chip pit" : "chip", advantages[i] === null ? "·" : signed(advantages[i]));
      shade(chip, advantages[i]);
      row.append(chip);
    });
    return row;
  }

  function summary(solution, advantages) {
    const line = make("summary");
    const isRight = solution.verdict === "correct";
    const name = make("span", `verdict ${isRight ? "right" : "not-right"}`, VERDICTS[solution.verdict] || solution.verdict);
    line.append(make("span", "number", `#${solution.index}`), name);
    if (solution.known.outcomes) line.append(chips(solution, advantages));
    const notes = [];
    if (solution.copies > 1) notes.push(`${solution.copies} of ${solution.num_samples} samples are this solution`);
    if (solution.known.pit !== undefined) notes.push(`pit at step ${solution.known.pit}`);
    if ((solution.wrong || []).some(Boolean)) notes.push(`step ${solution.wrong.indexOf(1) + 1} is truly wrong`);
    if (solution.known.imitated) notes.push("imitated");
    if (solution.known.pairs) notes.push("made a pair");
    line.append(make("span", "notes", notes.join(" · ")));
    return line;
  }

  function chance(value, outcomes, isEnd) {
    const cell = make("span", "chance", value === null ? "?" : value.toFixed(2));
    if (!isEnd && outcomes) cell.append(make("small", "", ` ${outcomes[0]} of ${outcomes[1]}`));
    else if (isEnd) cell.append(make("small", "", value === 1 ? " it is right" : " it is wrong"));
    return cell;
  }

  function stepRow(solution, i, values, advantages) {
    const known = solution.known;
    const row = make("li", "step");
    const isPit = known.pit === i + 1;
    if (isPit) row.classList.add("is-pit");
    const text = make("div", "text", solution.steps[i]);
    shade(text, advantages[i]);
    row.append(make("span", "place", String(i + 1)), text);
    const facts = make("div", "facts");
    if (known.outcomes) {
      const change = make("span", "change", "Q ");
      const outcomes = known.outcomes;
      const isEnd = i + 1 === solution.steps.length;
      change.append(chance(values[i], outcomes[i], false), " → ", chance(values[i + 1], outcomes[i + 1], isEnd));
      facts.append(change);
      facts.append(make("span", "advantage", advantages[i] === null ? "A not known" : `A ${signed(advantages[i])}`));
    }
    const spent = known.rollouts && known.rollouts[i + 1];
    if (spent) facts.append(make("span", "mark", `${spent} ${spent === 1 ? "rollout" : "rollouts"} after this step`));
    if (isPit) facts.append(make("strong", "mark pit-mark", known.chance === undefined ? "pit" : `pit, chance ${known.chance.toFixed(2)}`));
    if (solution.wrong) {
      const isWrong = Boolean(solution.wrong[i]);
      facts.append(make("span", `mark ${isWrong ? "truly-wrong" : ""}`, isWrong ? "✗ truly wrong" : "✓ right step"));
    }
    row.append(facts);
    return row;
  }

  // --- pairs and continuations ----------------------------------------------------------------------------------

  // Length of the common beginning, back to the start of a word.
  function commonLength(one, other) {
    let end = 0;
    while (end < one.length && end < other.length && one[end] === other[end]) end += 1;
    const isWhole = (text) => end === text.length || /\s/.test(text[end]);
    if (isWhole(one) && isWhole(other)) return end;
    while (end > 0 && !/\s/.test(one[end - 1])) end -= 1;
    return end;
  }

  function side(title, text, common, onlyFirst, note) {
    const box = make("div", "side");
    const body = make("p", "written");
    const rest = text.slice(common);
    const first = rest.match(/^\s*\S+/);
    const cut = first ? first[0].length : 0;
    body.append(make("span", "common", text.slice(0, common)));
    if (cut) body.append(make("mark", "", rest.slice(0, cut)));
    body.append(make("span", onlyFirst ? "common" : "rest", rest.slice(cut)));
    box.append(make("h5", "", title), body);
    if (note) box.append(make("p", "note", note));
    return box;
  }

  function pairBox(pair) {
    const chosen = pair.chosen.join("\n");
    const rejected = pair.rejected.join("\n");
    const common = commonLength(chosen, rejected);
    const only = Boolean(pair.divergence_only);
    const box = make("div", "pair");
    const end = pair.complete ? "" : "It ends with the pit: nothing after it is rejected.";
    box.append(side("chosen", chosen, common, only), side("rejected", rejected, common, only, end));
    return box;
  }

  function pairsOf(solution, pairs) {
    const boxes = (solution.known.pairs || []).map((i) => pairBox(pairs[i]));
    if (!boxes.length) return [];
    const title = boxes.length === 1 ? "The pair that it made" : `The ${boxes.length} pairs that it made`;
    const only = pairs[solution.known.pairs[0]].divergence_only;
    const note = only
      ? "Grey is what both sides share, or does not count; the mark is the first difference, whose first token alone counts in the loss."
      : "Grey is what both sides share; the mark is the first difference. All tokens of both sides count in the loss, where the shared ones cancel.";
    return [make("h4", "", title), ...boxes, make("p", "note", note)];
  }

  function foundOf(solution) {
    const found = Object.entries(solution.known.found || {});
    if (!found.length) return [];
    const box = make("details", "found");
    box.append(make("summary", "", "Right ways on from here, that rollouts found"));
    for (const [step, ways] of found) {
      const after = Number(step) === 1 ? "After step 1" : `After steps 1–${step}`;
      box.append(make("p", "after", `${after}: ${ways.num} ${ways.num === 1 ? "way" : "different ways"}`));
      for (const text of ways.texts) box.append(make("p", "written way", text.trim()));
      if (ways.num > ways.texts.length) box.append(make("p", "note", `${ways.num - ways.texts.length} more are not shown.`));
    }
    return [box];
  }

  function whyNoPair(solution, view) {
    if (solution.verdict !== "wrong" || solution.known.pairs || !view.has_examples || view.pairs_of === "none") return [];
    const reason =
      view.pairs_of === "step" && solution.known.pit === undefined
        ? "It has no pit, so it made no pair."
        : "It made no pair: no right solution to set against it is known, an equal pair is there already, or the training set was full.";
    return [make("p", "note", reason)];
  }

  function solutionBox(solution, view, pairs, isOpen) {
    const box = make("details", "solution");
    box.dataset.index = String(solution.index);
    const advantages = advantagesOf(solution);
    box.append(summary(solution, advantages));
    box.addEventListener("toggle", () => {
      if (box.open && box.childElementCount === 1) fillSolution(box, solution, view, pairs, advantages);
    });
    if (isOpen) {
      fillSolution(box, solution, view, pairs, advantages);
      box.open = true;
    }
    return box;
  }

  function fillSolution(box, solution, view, pairs, advantages) {
    const values = valuesOf(solution);
    const steps = make("ol", "steps");
    solution.steps.forEach((_, i) => steps.append(stepRow(solution, i, values, advantages)));
    box.append(steps, ...pairsOf(solution, pairs), ...whyNoPair(solution, view), ...foundOf(solution));
  }

  // --- the browser ----------------------------------------------------------------------------------------------

  function solutionsOf(problem, view) {
    const known = (view.problems[problem.id] || { solutions: {} }).solutions;
    const { num_samples } = problem;
    return problem.solutions.map((one) => ({ ...one, num_samples, known: known[one.index] || {} }));
  }

  function matches(problem, solution, filter, search) {
    if (!FILTERS.find(([name]) => name === filter)[2](solution)) return false;
    if (!search) return true;
    return [problem.text, ...solution.steps].some((text) => text.toLowerCase().includes(search));
  }

  function readHash() {
    if (!location.hash.startsWith(HASH)) return null;
    let text = location.hash.slice(HASH.length);
    try {
      text = decodeURIComponent(text);
    } catch {
      return null;
    }
    const [view, problem, index] = text.split("/");
    return { view, problem, index };
  }

  synthscale.widgets.solutions = function (element, data) {
    const sets = new Map(data.sets.map((one) => [one.id, one]));
    const state = { view: data.views[0], problem: null, filter: "all", search: "", open: null };

    const method = make("select", "method-choice");
    const size = make("select", "size-choice");
    const filter = make("select", "filter-choice");
    for (const [name, text] of FILTERS) filter.append(option(name, text));
    const search = make("input", "search");
    search.type = "search";
    search.placeholder = "text of a problem or step";
    const problem = make("select", "problem-choice");
    const back = make("button", "step-button", "← previous");
    const on = make("button", "step-button", "next →");
    back.type = on.type = "button";
    const count = make("p", "count");
    count.setAttribute("aria-live", "polite");
    const explains = make("p", "explains");
    const stage = make("div", "problem");

    const choices = make("div", "choices");
    choices.append(labelled("method", method), labelled("data", size), labelled("show", filter), labelled("search", search));
    const walk = make("div", "walk");
    walk.append(labelled("problem", problem), back, on);
    element.append(choices, explains, legend(), walk, count, stage);

    const labels = [...new Set(data.views.map((view) => view.label))];
    for (const label of labels) method.append(option(label, label));

    const set = () => sets.get(state.view.set);
    const fitting = (one) =>
      solutionsOf(one, state.view).filter((solution) => matches(one, solution, state.filter, state.search));
    const visible = () => set().problems.filter((one) => fitting(one).length);

    function showSizes() {
      size.replaceChildren();
      for (const view of data.views.filter((one) => one.label === state.view.label))
        size.append(option(view.id, `${view.data_size.toLocaleString("en")} problems, seed ${view.seed}`));
      size.value = state.view.id;
      method.value = state.view.label;
      explains.textContent = state.view.explains;
    }

    function showProblems() {
      const shown = visible();
      problem.replaceChildren();
      for (const one of shown) {
        const text = one.text.length > 60 ? `${one.text.slice(0, 60)}…` : one.text;
        problem.append(option(one.id, `${text}  (${one.num_right} of ${one.num_samples} right)`));
      }
      // Where half of the samples are right, steps make the difference: the middle one tells most.
      const middle = shown[Math.floor(shown.length / 2)];
      if (!shown.some((one) => one.id === state.problem)) state.problem = middle ? middle.id : null;
      if (state.problem !== null) problem.value = state.problem;
      const place = shown.findIndex((one) => one.id === state.problem);
      back.disabled = place <= 0;
      on.disabled = place < 0 || place === shown.length - 1;
      const num = shown.reduce((sum, one) => sum + fitting(one).length, 0);
      count.textContent = shown.length
        ? `Problem ${place + 1} of ${shown.length}; ${num} solutions in all fit what is asked for.`
        : "No solution fits what is asked for.";
    }

    function showProblem() {
      stage.replaceChildren();
      const one = set().problems.find((other) => other.id === state.problem);
      if (!one) return;
      const solutions = fitting(one);
      const pairs = (state.view.problems[one.id] || { pairs: [] }).pairs;
      const head = make("div", "statement");
      head.append(make("p", "written question", one.text));
      const more = one.num_distinct - one.solutions.length;
      const counts = `${one.num_samples} samples, ${one.num_right} right, ${one.num_distinct} distinct`;
      head.append(make("p", "note", `Reference answer ${one.answer}. ${counts}${more > 0 ? `, ${more} of them not shown` : ""}.`));
      stage.append(head);
      const first = solutions.find((solution) => solution.known.pairs) || solutions[0];
      const open = solutions.some((solution) => String(solution.index) === state.open) ? state.open : String(first.index);
      for (const solution of solutions)
        stage.append(solutionBox(solution, state.view, pairs, String(solution.index) === open));
    }

    function show(isAsked) {
      showSizes();
      showProblems();
      showProblem();
      if (isAsked) remember();
    }

    function remember(index) {
      const parts = [state.view.id, state.problem, index].filter((part) => part !== null && part !== undefined);
      history.replaceState(null, "", HASH + parts.map(encodeURIComponent).join("/"));
    }

    function choose(view) {
      state.view = view;
      state.open = null;
      show(true);
    }

    function go(distance) {
      const shown = visible();
      const next = shown[shown.findIndex((one) => one.id === state.problem) + distance];
      if (!next) return;
      state.problem = next.id;
      state.open = null;
      show(true);
    }

    function followHash() {
      const asked = readHash();
      if (!asked) return;
      const view = data.views.find((one) => one.id === asked.view);
      if (!view) return;
      Object.assign(state, { view, filter: "all", search: "", open: asked.index || null });
      filter.value = "all";
      search.value = "";
      if (set().problems.some((one) => one.id === asked.problem)) state.problem = asked.problem;
      show(false);
    }

    method.addEventListener("change", () => {
      const same = data.views.filter((view) => view.label === method.value);
      choose(same.find((view) => view.set === state.view.set) || same[0]);
    });
    size.addEventListener("change", () => choose(data.views.find((view) => view.id === size.value)));
    filter.addEventListener("change", () => {
      state.filter = filter.value;
      show(true);
    });
    search.addEventListener("input", () => {
      state.search = search.value.trim().toLowerCase();
      show(false);
    });
    problem.addEventListener("change", () => {
      state.problem = problem.value;
      state.open = null;
      show(true);
    });
    back.addEventListener("click", () => go(-1));
    on.addEventListener("click", () => go(1));
    stage.addEventListener("click", (event) => {
      const box = event.target.closest("summary") && event.target.closest("details.solution");
      if (box && event.target.closest("summary").parentElement === box) remember(box.dataset.index);
    });
    element.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "ArrowRight") go(1);
      else if (event.key === "ArrowLeft") go(-1);
      else return;
      event.preventDefault();
    });
    window.addEventListener("hashchange", followHash);
    show(false);
    followHash();
  };

  // A link to a solution is a link into the section, which is filled only when it comes near the view.
  function toSection() {
    const section = document.getElementById("solutions");
    if (section && location.hash.startsWith(HASH)) section.scrollIntoView();
  }
  window.addEventListener("load", toSection);
  window.addEventListener("hashchange", toSection);
})();
