// Sorts a board by the head that was chosen; rows without a value stay last, whichever way it goes.
(() => {
  'use strict';

  function value(row, column) {
    const text = row.children[column]?.dataset.value;
    return text === undefined || text === '' ? null : Number(text);
  }

  function sort(table, button) {
    const head = button.closest('th');
    const column = [...head.parentElement.children].indexOf(head);
    const first = button.dataset.first;
    const other = first === 'ascending' ? 'descending' : 'ascending';
    const order = head.getAttribute('aria-sort') === first ? other : first;
    for (const each of table.querySelectorAll('th[aria-sort]')) each.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', order);
    const sign = order === 'ascending' ? 1 : -1;
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains('group'));
      rows.sort((one, two) => {
        const a = value(one, column);
        const b = value(two, column);
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (a - b);
      });
      body.append(...rows);
    }
  }

  document.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-sort]');
    if (button) sort(button.closest('table'), button);
  });
})();
