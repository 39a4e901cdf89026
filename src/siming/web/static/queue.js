// The queue: says which attempts this device keeps for work without a network, and what it has not sent yet.
// Enter goes on with the next one wherever the focus is, unless a control has it.

import { Api, ApiError } from './rate/api.js'
import { Device } from './rate/device.js'
import { Journal } from './rate/journal.js'
import { Shelf } from './rate/offline.js'

const data = JSON.parse(document.getElementById('data').textContent)

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.defaultPrevented || event.target.closest('a, button, input, select, textarea')) return
  document.getElementById('continue')?.click()
})

class Card {
  constructor(element) {
    this.assignment = element.dataset.assignment
    this.kept = element.querySelector('[data-kept]')
    this.unsent = element.querySelector('[data-unsent]')
  }

  show(kept, unsent) {
    this.kept.hidden = !kept
    this.unsent.hidden = !unsent
    this.unsent.textContent = data.texts[unsent === 1 ? 'unsent_one' : 'unsent'].replace('{n}', unsent)
  }
}

async function showDevice() {
  if (!globalThis.indexedDB?.databases || !(await indexedDB.databases()).length) return
  const device = await Device.open()
  const kept = await tidied(new Shelf(), device)
  for (const element of document.querySelectorAll('[data-assignment]')) {
    const card = new Card(element)
    const changes = await device.read('changes', (store) => store.index('assignment').getAll(card.assignment))
    const unsent = changes.filter(({ state, person }) => state === 'unsent' && person === data.person)
    card.show(kept.has(card.assignment), unsent.length)
  }
}

// Asks the server for every attempt kept here, lets go of what it no longer gives, and says which attempts stay.
async function tidied(shelf, device) {
  for (const assignment of await shelf.views()) {
    const unsent = (await Journal.all(device, assignment)).filter(({ state }) => state === 'unsent').length
    try {
      await shelf.follow(assignment, { view: await new Api(assignment, '').view(), unsent })
    } catch (error) {
      if (!(error instanceof ApiError)) break // no network: everything stays
      await shelf.follow(assignment, { error, unsent })
    }
  }
  return shelf.views()
}

showDevice().catch((error) => console.warn('what this device keeps cannot be read', error))
