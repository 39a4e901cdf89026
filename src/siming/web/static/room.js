// What every page shares. A page works without it.

// Forms are sent once: a second press while the first is on its way does nothing.
document.addEventListener('submit', (event) => {
  const form = event.target
  if (event.defaultPrevented) return // held back by the page's own script, which may send it later
  if (form.dataset.sent) { event.preventDefault(); return }
  form.dataset.sent = 'yes'
  addEventListener('pageshow', () => delete form.dataset.sent, { once: true })
})
