// The rating page: knows all its parts and says what each key and button does.

import { Api } from './api.js'
import { Banner } from './banner.js'
import { Desk } from './desk.js'
import { Device } from './device.js'
import { Draft } from './draft.js'
import { KeyHelp } from './keyhelp.js'
import { Keys } from './keys.js'
import { Acts } from './acts.js'
import { Journal } from './journal.js'
import { Link } from './link.js'
import { Shelf, keepPage } from './offline.js'
import { Screen } from './screen.js'
import { Sender } from './sender.js'
import { SaveState } from './savestate.js'
import { SignIn } from './signin.js'
import { Hints, takeClient } from './tabs.js'
import { Words } from './words.js'

const data = JSON.parse(document.getElementById('data').textContent)
const words = new Words(data.texts, data.language)
const banner = new Banner(document.getElementById('banner'))
const $ = (id) => document.getElementById(id)

start().catch((error) => {
  console.error(error)
  banner.set('start', words.say('cannot_start', { why: error.message }), { kind: 'bad', buttons: [[words.say('reload'), () => location.reload()]] })
})

async function start() {
  let device
  try {
    device = await Device.open()
  } catch (error) {
    // Without a disk of its own the page could only promise what it cannot keep.
    banner.set('device', words.say('no_device', { why: error.message }), { kind: 'bad' })
    return
  }
  navigator.storage?.persist?.()
  const mine = (await Journal.all(device, data.assignment)).filter(({ person }) => person === data.person.id)
  const client = await takeClient(data.assignment, mine)
  const api = new Api(data.assignment, data.csrf)
  const draft = new Draft()
  const journal = new Journal(device, data.assignment, client, data.person.id)
  await journal.load()
  const sender = new Sender(journal, api)
  const desk = new Desk({ draft, journal, sender, person: data.person })
  const saveState = new SaveState($('save-state'), words, journal, sender)
  const shelf = new Shelf()
  const signIn = new SignIn($('sign-in-again'), words, api, data.person)
  const hints = new Hints(data.assignment, client)
  const link = new Link({ desk, api, shelf, signIn, banner, words, hints, saveState, person: data.person, assignment: data.assignment })
  saveState.show()

  const view = await link.open()
  if (!view) return
  const keys = new Keys(data.keymap, data.keys)
  const help = new KeyHelp($('key-help'), words, keys, api)
  const screen = new Screen({ view, words, desk, keys, api, shelf, banner })
  const acts = new Acts({ screen, desk, words, view, help, summary: $('summary').href })
  keys.addEventListener('action', ({ detail }) => acts.do(detail))
  link.follow(screen)
  await screen.begin()
  saveState.show()
  addEventListener('beforeunload', (event) => {
    if (journal.writing || journal.unsent.length) event.preventDefault()
  })
  document.documentElement.dataset.ready = 'yes'
  if (!(await keepPage())) banner.set('offline', words.say('no_offline'), { kind: 'note' })
}

