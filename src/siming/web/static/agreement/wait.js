// While figures are being counted: asks once a second, and loads the page again when they are there.
const standing = document.querySelector('[data-counting]')

async function ask() {
  try {
    const answer = await fetch(standing.dataset.ask, { headers: { Accept: 'application/json' } })
    if (answer.ok) {
      const { counting } = await answer.json()
      if (!counting) return location.reload()
    }
  } catch {
    // The network is away; the next second asks again.
  }
  setTimeout(ask, 1000)
}

if (standing?.dataset.counting === 'yes') setTimeout(ask, 1000)
