// The grid of compared attempts by keyboard, and the panel of one cell beside it. Without script each cell is a form's
// button and the panel comes with the page.

class Grid {
  constructor(table, panel) {
    this.table = table
    this.panel = panel
    this.cells = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll('td.c')].map((cell) => cell.querySelector('button')))
    for (const button of table.querySelectorAll('td.c button')) button.tabIndex = -1
    const chosen = new URLSearchParams(location.search).get('cell')
    const first = [...table.querySelectorAll('td.c button')].find(({ value }) => value === chosen) ?? table.querySelector('td.c button')
    if (first) this.#mark(first)
    table.addEventListener('click', (event) => this.#press(event))
    table.addEventListener('keydown', (event) => this.#key(event))
    table.addEventListener('focusin', ({ target }) => target.matches('td.c button') && this.#mark(target))
  }

  #mark(button) {
    this.marked?.setAttribute('tabindex', '-1')
    this.marked = button
    button.tabIndex = 0
  }

  #press(event) {
    const button = event.target.closest('td.c button')
    if (!button) return
    event.preventDefault()
    this.show(button)
  }

  #key(event) {
    const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] }[event.key]
    if (!way || !event.target.matches('td.c button')) return
    event.preventDefault()
    const row = this.cells.findIndex((buttons) => buttons.includes(event.target))
    this.#go(row, this.cells[row].indexOf(event.target), way)
  }

  // On to the next cell that is there: attempts may have other rubrics than their neighbours.
  #go(row, column, [down, right]) {
    if (Math.abs(right) === Infinity) {
      const there = this.cells[row].filter(Boolean)
      return (right > 0 ? there.at(-1) : there[0])?.focus()
    }
    for (let r = row + down, c = column + right; this.cells[r] && c >= 0 && c < this.cells[r].length; r += down, c += right) {
      if (this.cells[r][c]) return this.cells[r][c].focus()
    }
  }

  async show(button) {
    const asked = (this.asked = button.value)
    this.table.querySelector('[aria-pressed]')?.removeAttribute('aria-pressed')
    button.setAttribute('aria-pressed', 'true')
    const response = await fetch(`${this.panel.dataset.at}?cell=${encodeURIComponent(asked)}`, { headers: { Accept: 'text/html' } })
    if (this.asked !== asked) return
    if (!response.ok) return location.reload()
    const page = new DOMParser().parseFromString(await response.text(), 'text/html')
    this.panel.replaceChildren(...document.adoptNode(page.body).childNodes)
    this.panel.parentElement.classList.remove('unchosen')
  }
}

// Says how many steps lie out of sight to the right, and shades that edge. Without script the sentence stands there.
function showWhatLiesBeside(box, sentence) {
  const steps = [...box.querySelectorAll('thead th.step')]
  const look = () => {
    const edge = box.getBoundingClientRect().right
    const hidden = steps.filter((step) => step.getBoundingClientRect().right > edge + 2).length
    box.classList.toggle('more', hidden > 0)
    sentence.textContent = hidden ? sentence.dataset.more.replace('{n}', hidden) : ''
  }
  box.addEventListener('scroll', look, { passive: true })
  new ResizeObserver(look).observe(box)
}

const beside = document.querySelector('.aside-ways')
if (beside) showWhatLiesBeside(document.querySelector('.grid-box'), beside)

const panel = document.getElementById('cell')
const table = document.querySelector('[data-grid]')
if (table) new Grid(table, panel)

// Moments of evidence play in the panel's own film, and stop where they end.
let until = null
panel.addEventListener('click', (event) => {
  const moment = event.target.closest('[data-start]')
  const film = document.getElementById('film')
  if (!moment || !film) return
  event.preventDefault()
  until = Number(moment.dataset.end)
  film.currentTime = Number(moment.dataset.start)
  film.ontimeupdate = () => {
    if (until === null || film.currentTime < until) return
    until = null
    film.pause()
  }
  film.play().catch(() => {})
})
