// Keeps what is chosen in the browser, says how much is left, and saves the ratings as a table.
const inputs = [...document.querySelectorAll('input[type=radio]')];
const names = [...new Set(inputs.map(one => one.name))];
const criteria = [...new Set(names.map(name => name.split('/')[1]))];
const kept = 'vesalius-ratings-' + document.querySelector('.eyebrow').textContent + '-' + names[0];

function chosen() {
  return Object.fromEntries(inputs.filter(one => one.checked).map(one => [one.name, one.value]));
}

function told() {
  const missing = names.length - Object.keys(chosen()).length;
  document.getElementById('left').textContent = missing ? missing + ' ratings are left' : 'All is rated';
}

function restored() {
  let before = {};
  try { before = JSON.parse(localStorage.getItem(kept)) || {}; } catch (error) { before = {}; }
  for (const one of inputs) one.checked = before[one.name] === one.value;
}

function saved() {
  const values = chosen();
  const codes = [...new Set(names.map(name => name.split('/')[0]))];
  const rows = codes.map(code => [code, ...criteria.map(word => values[code + '/' + word] || '')].join(','));
  const text = [['code', ...criteria].join(','), ...rows].join('\n') + '\n';
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = 'ratings.csv';
  link.click();
}

document.addEventListener('change', () => {
  try { localStorage.setItem(kept, JSON.stringify(chosen())); } catch (error) { /* a private window keeps nothing */ }
  told();
});
document.getElementById('save').addEventListener('click', saved);
restored();
told();
