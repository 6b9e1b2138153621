// A combobox that finds a word.
let pickers = 0;
const MOST_OFFERED = 8;

// allowed: a Set of word indices, or null for all. picked: called with the word.
function wordPicker(label, allowed, picked, hint = '') {
  const id = `picker${pickers++}`;
  const input = make('input', { type: 'search', id, role: 'combobox', autocomplete: 'off', spellcheck: 'false', dir: 'auto',
    'aria-expanded': 'false', 'aria-autocomplete': 'list', 'aria-controls': `${id}-list`, placeholder: hint });
  const list = make('ul', { id: `${id}-list`, role: 'listbox', 'aria-label': label, hidden: true });
  const note = make('span', { class: 'soft note', role: 'status' });
  let offered = [], active = -1;

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  }
  function take(word) {
    input.value = words[word];
    note.textContent = '';
    close();
    picked(word);
  }
  function mark(place) {
    active = place;
    [...list.children].forEach((row, each) => row.setAttribute('aria-selected', String(each === place)));
    if (place >= 0) input.setAttribute('aria-activedescendant', list.children[place].id);
  }
  function offer() {
    offered = fitting(input.value, allowed);
    list.replaceChildren(...offered.map((word, place) => make('li', { role: 'option', id: `${id}-${place}`, 'aria-selected': 'false',
      onpointerdown: (event) => { event.preventDefault(); take(word); } }, isolated(words[word]))));
    active = -1;
    note.textContent = input.value.trim() && !offered.length ? (fitting(input.value, null).length
      ? 'This word is not explained in this report.' : 'No match.') : '';
    list.hidden = !offered.length;
    input.setAttribute('aria-expanded', String(offered.length > 0));
  }
  input.addEventListener('input', offer);
  input.addEventListener('blur', close);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (list.hidden) offer();
      if (offered.length) mark((active + (event.key === 'ArrowDown' ? 1 : offered.length - (active < 0 ? 0 : 1))) % offered.length);
    } else if (event.key === 'Enter') {
      if (list.hidden) offer();
      if (offered.length) take(offered[Math.max(active, 0)]);
    } else if (event.key === 'Escape') {
      if (list.hidden) { input.value = ''; note.textContent = ''; }
      close();
    } else return;
    event.preventDefault();
  });
  const box = make('div', { class: 'picker' }, make('label', { for: id }, label), input, list, note);
  return { box, show: (word) => { input.value = word === null ? '' : words[word]; note.textContent = ''; close(); } };
}

// Words that begin with a text, then those that contain it, ignoring case; an exact match first.
function fitting(text, allowed) {
  const sought = text.trim().toLowerCase();
  if (!sought) return [];
  const exact = [], first = [], inside = [];
  for (let word = 0; word < words.length; word++) {
    if (allowed && !allowed.has(word)) continue;
    const place = lowered(word).indexOf(sought);
    if (place < 0) continue;
    if (lowered(word) === sought) (words[word] === text.trim() ? exact.unshift(word) : exact.push(word));
    else if (place === 0) first.push(word);
    else if (inside.length < MOST_OFFERED) inside.push(word);
    if (first.length >= MOST_OFFERED && allowed === null && exact.length) break;
  }
  return [...exact, ...first, ...inside].slice(0, MOST_OFFERED);
}

const lower = [];
function lowered(word) {
  return (lower[word] ??= words[word].toLowerCase());
}
