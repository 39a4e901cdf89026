// What every page shares. A page works without it.

// Forms are sent once: a second press while the first is on its way does nothing.
document.addEventListener('submit', (event) => {
  const form = event.target
  if (event.defaultPrevented) return // held back by the page's own script, which may send it later
  if (form.dataset.sent) { event.preventDefault(); return }
  form.dataset.sent = 'yes'
  addEventListener('pageshow', () => delete form.dataset.sent, { once: true })
})

// Times come in UTC; who reads has a clock of his own. The one in UTC stays at hand.
const two = (n) => String(n).padStart(2, '0')
const tellTimes = (root) => {
  for (const time of root.querySelectorAll('time[datetime]:not([title])')) {
    const at = new Date(time.dateTime)
    if (Number.isNaN(at.getTime())) continue
    const seconds = /\d:\d\d:\d\d/.test(time.textContent) ? `:${two(at.getSeconds())}` : ''
    time.title = time.textContent
    time.textContent = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}${seconds}`
  }
}
tellTimes(document)

// A link that is shown once is copied without marking its eighty characters.
for (const button of document.querySelectorAll('[data-copies]')) {
  if (!navigator.clipboard) continue // only where the room is reached by TLS or on the same computer
  button.hidden = false
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent.trim())
    button.textContent = button.dataset.copied
  })
}

// A password that is chosen can be looked at: it is typed once.
for (const box of document.querySelectorAll('[data-shows]')) {
  const field = document.getElementById(box.dataset.shows)
  box.closest('label').hidden = false
  box.addEventListener('change', () => { field.type = box.checked ? 'text' : 'password' })
  field.form.addEventListener('submit', () => { field.type = 'password' }) // browsers offer to keep passwords only
}
