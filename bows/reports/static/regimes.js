// Regimes by frequency: a bar a decile of frequency, parted by regime, told apart by colour and hatching.
function regimes(root) {
  const { regimes: names, deciles, thresholds } = page.regimes;
  const width = roomFor(root, 720), row = 30, left = 150, right = 56, height = deciles.length * row + 40;
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, class: 'chart', role: 'img', 'aria-label': 'Shares of the regimes by frequency decile; the table below has the counts.' });
  const look = (name) => REGIME_LOOK[name][1]();
  const hatches = { absent: 'M0 4H8', antipodal: 'M0 8L8 0', orthogonal: 'M0 0L8 8', mixed: 'M0 8L8 0M0 0L8 8' };
  const hatching = (name, id) => draw('pattern', { id, width: 8, height: 8, patternUnits: 'userSpaceOnUse' },
    draw('rect', { width: 8, height: 8, fill: look(name) }), hatches[name] ? draw('path', { d: hatches[name], stroke: theme.paper, 'stroke-width': 1.2, fill: 'none' }) : '');
  const legend = make('p', { class: 'legend' });
  function paint() {
    const parts = [draw('defs', {}, ...names.map((name) => hatching(name, `hatch-${name}`)))];
    deciles.forEach((each, place) => {
      const y = place * row + 4;
      parts.push(draw('text', { x: left - 8, y: y + 16, 'text-anchor': 'end', 'font-size': 12, fill: theme.ink }, `${say(each.lowest_frequency)} – ${say(each.highest_frequency)}`));
      let from = 0;
      for (const name of names) {
        const share = each[name] / each.words, wide = share * (width - left - right);
        if (share) parts.push(draw('rect', { x: (left + from).toFixed(1), y, width: wide.toFixed(1), height: row - 8, fill: `url(#hatch-${name})`, stroke: theme.paper }, draw('title', {}, `${name}: ${each[name]} of ${each.words} words`)));
        from += wide;
      }
      parts.push(draw('text', { x: width - right + 6, y: y + 16, 'font-size': 12, fill: theme.soft }, say(each.words)));
    });
    parts.push(draw('text', { x: left, y: height - 14, 'font-size': 12, fill: theme.soft }, 'share of the decile’s words; left: its frequencies, right: its words'));
    svg.replaceChildren(...parts);
    legend.replaceChildren(...names.map((name, place) => make('span', {}, draw('svg', { width: 18, height: 14, 'aria-hidden': 'true' },
      draw('defs', {}, hatching(name, `key-${place}`)), draw('rect', { width: 18, height: 14, fill: `url(#key-${place})` })), ` ${name}`)));
  }
  paint();
  onTheme(paint);
  root.append(make('figure', {}, legend, svg, saveButtons(() => svg, 'regimes_by_frequency', 'the regimes')), make('p', { class: 'soft' }, thresholds),
    make('details', {}, make('summary', {}, 'The counts'), make('div', { class: 'scroll', tabindex: 0 }, make('table', {},
      make('thead', {}, make('tr', {}, ...['decile', 'frequencies', 'words', ...names].map((name) => make('th', { scope: 'col' }, name)))),
      make('tbody', {}, ...deciles.map((each) => make('tr', {}, ...[each.decile, `${say(each.lowest_frequency)} – ${say(each.highest_frequency)}`, each.words, ...names.map((name) => each[name])].map((cell) => make('td', {}, say(cell))))))))));
}
