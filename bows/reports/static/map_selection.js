// Words chosen on the map by a lasso or a box: their list, as CSV, their Gram matrix, and the command that explains one with the others.
const MOST_LISTED = 200, MOST_IN_GRAM = 40, MOST_CONTEXT = 12;

function mapSelection(view, picked) {
  const modes = [['move', 'Move'], ['lasso', 'Lasso'], ['box', 'Box']].map(([mode, text]) => make('button', { type: 'button', 'aria-pressed': String(mode === 'move'), 'data-mode': mode,
    onclick: () => { view.mode = mode; view.canvas.style.touchAction = mode === 'move' ? '' : 'none'; modes.forEach((each) => each.setAttribute('aria-pressed', String(each.dataset.mode === mode))); } }, text));
  const panel = make('div', { id: 'map-selection', role: 'region', 'aria-label': 'Chosen words', hidden: true });
  function show() {
    const chosen = view.order.filter((at) => view.chosen.has(at)).map((at) => view.kept[at]);
    panel.hidden = !view.outline.length;
    if (panel.hidden) return;
    const gram = make('div');
    const command = contextCommand(chosen);
    panel.replaceChildren(...[
      make('p', { role: 'status' }, make('strong', {}, `${counted(chosen.length, 'word')} chosen`), ' ',
        ...(chosen.length ? [make('button', { type: 'button', 'aria-label': 'Save the chosen words as CSV', onclick: () => save(csvOf(wordColumns(), chosen), 'chosen_words.csv') }, 'CSV'), ' '] : []),
        ...(chosen.length > 1 ? [make('button', { type: 'button', onclick: () => gram.replaceChildren(...gramOf(view, chosen)) }, 'Gram'), ' '] : []),
        make('button', { type: 'button', onclick: () => { view.enclose([]); show(); } }, 'Clear')),
      make('p', {}, ...chosen.slice(0, MOST_LISTED).flatMap((word) => [wordButton(word, picked), ' ']), chosen.length > MOST_LISTED ? `and ${counted(chosen.length - MOST_LISTED, 'further word')}` : ''),
      command ? make('p', { class: 'soft' }, `Explain the first in the context of ${chosen.length > MOST_CONTEXT + 1 ? `the next ${MOST_CONTEXT}` : 'the others'}: `, make('code', {}, command)) : null, gram].filter(Boolean));
  }
  return { buttons: make('span', { class: 'modes', role: 'group', 'aria-label': 'What dragging does' }, ...modes), panel, show };
}

function contextCommand(chosen) {
  if (chosen.length < 2 || page.of_pairs) return '';
  const list = `context=[${chosen.slice(1, MOST_CONTEXT + 1).map((word) => hydraWord(words[word])).join(',')}]`;
  return `${page.explain_command} word=${shellWord(words[chosen[0]])} ${inShell(list)}`;
}

// Cosines of the most frequent of the chosen words, as a heat map.
function gramOf(view, chosen) {
  const map = page.map;
  if (!map.directions) return [make('p', { class: 'soft' }, 'The report holds no directions of so many words in so many dimensions; model.safetensors of the run does.')];
  const numbers = decoded(map.directions), size = map.size, placeOf = new Map(Array.from(view.kept, (word, at) => [word, at]));
  const shown = chosen.slice(0, MOST_IN_GRAM), rows = shown.map((word) => numbers.subarray(placeOf.get(word) * size, (placeOf.get(word) + 1) * size));
  const cosine = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0);
  const cell = Math.max(12, Math.min(26, 560 / shown.length)), left = 110, top = 96, width = left + cell * shown.length + 60, height = top + cell * shown.length + 24;
  const parts = [];
  rows.forEach((one, down) => {
    const label = shortened(words[shown[down]], 15), y = top + (down + 0.5) * cell + 4, x = left + (down + 0.5) * cell + 4;
    parts.push(draw('text', { x: left - 6, y, 'text-anchor': 'end', 'font-size': 11, fill: theme.ink }, label),
      draw('text', { transform: `translate(${x} ${top - 6}) rotate(-60)`, 'font-size': 11, fill: theme.ink }, label));
    rows.forEach((other, across) => {
      const value = cosine(one, other);
      parts.push(draw('rect', { x: left + across * cell, y: top + down * cell, width: cell - 0.5, height: cell - 0.5, class: 'cell', fill: value < 0 ? theme.negative : theme.positive, 'fill-opacity': Math.min(1, Math.abs(value)).toFixed(3) },
        draw('title', {}, `${words[shown[down]]} and ${words[shown[across]]}: ${say(Number(value.toFixed(3)))}`)));
    });
  });
  parts.push(draw('text', { x: left, y: height - 6, 'font-size': 11, fill: theme.soft }, 'cosine: red positive, blue negative, full at 1'));
  const svg = draw('svg', { viewBox: `0 0 ${Math.max(width, 340)} ${height}`, class: 'chart narrow', role: 'img', 'aria-label': `Cosines of ${counted(shown.length, 'word')}` }, ...parts);
  return [make('figure', { class: 'panel' }, svg, make('figcaption', { class: 'soft' }, `Gram matrix of the unit directions${chosen.length > shown.length ? `, the ${shown.length} most frequent of the chosen words` : ''}. `, saveButtons(() => svg, 'gram', 'the Gram matrix')))];
}
