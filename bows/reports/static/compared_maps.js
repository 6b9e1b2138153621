// Maps of the same words in several runs, on the same axes: they move together, and a selected word is highlighted in all of them.
function comparedMaps(root) {
  const found = page.compared, kept = decoded(found.kept), letters = found.maps.map((each) => each.letter);
  const { readout, legend, colour, picker, recolour } = mapControls(() => views, (word) => { select(word); views[0].frame(views[0].lit, views); });
  const box = make('div', { class: 'charts' });
  const views = found.maps.map((each) => {
    const canvas = make('canvas', { tabindex: 0, role: 'application', class: 'compared',
      'aria-label': `Word map of ${each.letter}. Arrow keys move between words, Enter selects one, Escape clears the selection, plus and minus zoom, 0 shows all.` });
    const tip = make('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });
    const stage = make('div', { class: 'stage low' }, canvas, tip);
    box.append(make('figure', { class: 'panel' }, make('figcaption', {}, make('strong', {}, each.letter), `: ${each.note}`), stage,
      make('span', { class: 'save' }, make('button', { type: 'button', 'aria-label': `Save the map of ${each.letter} as PNG`, onclick: () => canvas.toBlob((blob) => save(blob, `word_map_${each.letter}.png`)) }, 'PNG'))));
    const view = new MapView(canvas, kept, each);
    [view.reachX, view.reachY] = found.reach;
    view.moved = () => follow(view);
    mapMoves(view, { hover: (at, left, top) => showTip(tip, view, at, left, top), describe: (at) => describeWord(readout, kept[at]),
      choose: (at) => select(at < 0 ? null : kept[at]), clear: () => { readout.textContent = ''; } });
    new ResizeObserver(() => view.fit()).observe(stage);
    return view;
  });
  const leftOut = Object.entries(found.left_out).filter(([, count]) => count).map(([letter, count]) => `${say(count)} of ${letter}`);
  root.append(make('div', { class: 'controls' }, picker.box, colour), box, readout, legend,
    make('p', { class: 'soft' }, `The ${counted(words.length, 'word')} that all runs share. Each run’s directions are aligned with those of ${letters[0]} by rotation or reflection (orthogonal Procrustes), ` +
      `and projected on the plane of its first two principal components (${found.shares.map((share) => `${(share * 100).toFixed(1)} %`).join(' and ')} of the variance).` +
      (leftOut.length ? ` Left out, because another run lacks them or their column is zero: ${leftOut.join(', ')}.` : '')));
  function follow(from) {
    for (const view of views) {
      if (view === from || (view.x === from.x && view.y === from.y && view.zoom === from.zoom)) continue;
      [view.x, view.y, view.zoom] = [from.x, from.y, from.zoom];
      view.paintSoon();
    }
  }
  selection.waiting.push((word) => {
    picker.show(word);
    for (const view of views) {
      view.lit = word === null ? [] : [word, ...nearest(word).map((each) => each.word)];
      view.paintSoon();
    }
    if (word === null) readout.textContent = ''; else describeWord(readout, word);
  });
  theme.waiting.push(() => { recolour(); views.forEach((view) => view.fit()); });
  recolour();
  views.forEach((view) => view.fit());
}
