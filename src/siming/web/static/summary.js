// Before submission: says which tab this is and what this device holds, so that only what device and server agree on is
// locked. Nothing can be submitted while changes wait on the device or another tab writes.

import { Api } from './rate/api.js'
import { Device } from './rate/device.js'
import { Draft } from './rate/draft.js'
import { Journal } from './rate/journal.js'
import { Shelf } from './rate/offline.js'
import { snapshotSha256 } from './rate/snapshot.js'
import { takeClient } from './rate/tabs.js'

const data = JSON.parse(document.getElementById('data').textContent)
const form = document.getElementById('submit')
const state = document.getElementById('device-state')
const button = form.querySelector('button')
const ready = !button.disabled

function say(key, values = {}) {
  state.textContent = Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), data.texts[key])
  state.hidden = false
}

async function prepare() {
  button.disabled = true
  const device = await Device.open()
  const mine = (await Journal.all(device, data.assignment)).filter(({ person }) => person === data.person)
  const client = await takeClient(data.assignment, mine)
  const own = mine.filter((record) => record.client === client)
  const unsent = own.filter((record) => record.state === 'unsent').length
  if (unsent) return say('unsent', { n: unsent })
  const opened = await new Api(data.assignment, data.csrf).open(client, false)
  if (!opened.writer) return say('elsewhere')
  const digest = await snapshotSha256(await held(own, opened.view), data.rubrics)
  form.elements.client.value = client
  form.elements.fence.value = opened.fence
  if (digest !== form.elements.snapshot.value) return say('differs')
  form.elements.snapshot.value = digest
  button.disabled = !ready
}

// What this device holds by its own books: the attempt as opened here, and every change it made since.
async function held(own, view) {
  const kept = await new Shelf().view(data.assignment)
  if (!kept?.view) return view.draft
  const draft = new Draft(kept.view.draft)
  for (const record of own) if (record.state === 'sent' && record.seq > kept.view.seq) draft.apply(record)
  return draft.document
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !button.disabled) form.requestSubmit(button)
})

// Without a network the browser would leave the page for its own: what is being submitted stays on show instead.
form.addEventListener('submit', async (event) => {
  if (form.dataset.reached) return
  event.preventDefault()
  try {
    await fetch('/api/v1/session', { cache: 'no-store' })
  } catch {
    return say('no_network')
  }
  form.dataset.reached = 'yes'
  form.requestSubmit(button)
})

prepare().catch((error) => say('failed', { why: error.message }))
