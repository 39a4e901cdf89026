// The overlay of keys: what each does, and where a person chooses his own. Pages differ in their actions, and in where
// `api` keeps what was chosen.

import { make } from './make.js'
import { clash, pressed, shown } from './keys.js'

const GROUPS = {
  video: ['play', 'back', 'forward', 'back_far', 'forward_far', 'previous_frame', 'next_frame', 'slower', 'faster', 'normal_speed', 'go_to_time', 'bookmark', 'full_screen', 'mute', 'next_camera'],
  scoring: ['level_3', 'level_2', 'level_1', 'level_0', 'type_points', 'deduction', 'cannot_judge', 'rationale', 'unsure', 'confirm'],
  evidence: ['evidence_in', 'evidence_out', 'evidence_point', 'loop', 'go_to_evidence', 'delete_evidence', 'list_evidence'],
  moving: ['previous_step', 'next_step', 'previous_skill', 'next_skill', 'undo', 'redo', 'summary', 'submit', 'next_region', 'keys'],
}

export class KeyHelp {
  constructor(dialog, words, keys, api, groups = GROUPS) {
    Object.assign(this, { dialog, words, keys, api, groups })
    this.box = dialog.querySelector('[data-keys]')
    this.problem = dialog.querySelector('[role=alert]')
    dialog.querySelector('[data-reset]').addEventListener('click', () => this.#keep({}))
    dialog.addEventListener('keydown', (event) => this.#press(event))
    dialog.addEventListener('close', () => (this.asking = null))
  }

  open() {
    this.problem.textContent = ''
    this.#draw()
    if (!this.dialog.open) this.dialog.showModal()
  }

  #draw() {
    this.box.replaceChildren(...Object.entries(this.groups).map(([group, actions]) => make('section', {},
      make('h3', {}, this.words.say(`key_groups.${group}`)),
      make('dl', {}, ...actions.map((action) => make('div', {},
        make('dt', {}, ...this.keys.map[action].map((key) => make('kbd', {}, shown(key, this.words)))),
        make('dd', {}, this.words.say(`actions.${action}`),
          make('button', { type: 'button', class: 'quiet change', 'data-action': action, 'aria-label': `${this.words.say('change_key')}: ${this.words.say(`actions.${action}`)}`, on: { click: () => this.#ask(action) } }, this.words.say('change_key')))))))))
  }

  #ask(action) {
    this.asking = action
    this.problem.textContent = this.words.say('press_key', { action: this.words.say(`actions.${action}`) })
  }

  #press(event) {
    if (!this.asking) {
      if (!this.keys.map.keys.includes(pressed(event))) return
      event.preventDefault()
      event.stopPropagation() // or the same press would open it again
      this.dialog.close()
      return
    }
    const key = pressed(event)
    if (key === null) return
    event.preventDefault()
    event.stopPropagation()
    const action = this.asking
    this.asking = null
    if (key === 'Escape') {
      this.problem.textContent = ''
      return
    }
    this.#keep({ ...this.keys.own, [action]: [key] })
  }

  // A key that already does something else is refused, here and by the server.
  async #keep(own) {
    const both = clash({ ...this.keys.defaults, ...own })
    if (both) {
      const [key, first, second] = both
      this.problem.textContent = this.words.say('key_clash', { key: shown(key, this.words), first: this.words.say(`actions.${first}`), second: this.words.say(`actions.${second}`) })
      return
    }
    try {
      const kept = await this.api.keepKeys(own)
      this.keys.learn(kept.keys)
      this.problem.textContent = this.words.say('keys_kept')
      const { action } = document.activeElement?.dataset ?? {}
      this.#draw()
      if (action) this.box.querySelector(`[data-action="${action}"]`).focus() // the button pressed was drawn anew
    } catch (error) {
      this.problem.textContent = error.status ? error.message : this.words.say('no_network')
    }
  }
}
