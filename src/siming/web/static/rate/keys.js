// From a key press to an action. The map is keymap.json, changed by what the person prefers.

const SHOWN = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Enter: '↵' }
const FIELDS = 'input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]'

// The press as the map writes it: "j", "Shift+j", "Ctrl+Enter", "?". Null for modifiers alone and for keys that belong
// to the browser. A keyboard that types no Latin letters (or an input method at work) is read by the key's place.
export function pressed(event) {
  if (event.isComposing || event.altKey || event.metaKey || ['Shift', 'Control', 'AltGraph', 'CapsLock', 'Dead'].includes(event.key)) return null
  let key = event.key === ' ' ? 'Space' : event.key
  const letter = /^Key([A-Z])$/.exec(event.code ?? '')?.[1].toLowerCase()
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code ?? '')?.[1]
  if (key.length === 1 && /[a-z]/i.test(key)) key = key.toLowerCase()
  else if (letter && (key === 'Process' || key === 'Unidentified' || (key.length === 1 && key > '\x7f'))) key = letter
  else if (digit && (key === 'Process' || key === 'Unidentified')) key = digit
  // A sign such as "?" already tells that Shift was held; a letter or a named key does not.
  const shift = event.shiftKey && (key.length > 1 || /[a-z]/.test(key))
  return `${event.ctrlKey ? 'Ctrl+' : ''}${shift ? 'Shift+' : ''}${key}`
}

// As people read it: "Shift+J", "↑", "Ctrl+↵".
export function shown(key, words) {
  return key
    .split(/\+(?=.)/)
    .map((part) => (part === 'Space' ? words.say('key_space') : SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part)))
    .join('+')
}

// The same key for two actions, as [key, action, action]; null where there is none.
export function clash(map) {
  const seen = new Map()
  for (const [action, keys] of Object.entries(map)) {
    for (const key of keys) {
      if (seen.has(key)) return [key, seen.get(key), action]
      seen.set(key, action)
    }
  }
  return null
}

export class Keys extends EventTarget {
  constructor(defaults, own = {}) {
    super()
    this.defaults = defaults
    this.learn(own)
    this.waiting = null
    addEventListener('keydown', (event) => this.#press(event))
  }

  // Take a person's own keys: {action: [key, ...]}, only for the actions that differ.
  learn(own) {
    this.own = Object.fromEntries(Object.entries(own).filter(([action]) => action in this.defaults))
    this.map = { ...this.defaults, ...this.own }
    this.actions = new Map(Object.entries(this.map).flatMap(([action, keys]) => keys.map((key) => [key, action])))
    this.dispatchEvent(new Event('learnt'))
  }

  // The next key goes to `taker`, which answers whether it could use it; Escape ends the waiting.
  await(taker, onEnd = () => {}) {
    this.waiting?.onEnd()
    this.waiting = { taker, onEnd }
  }

  #press(event) {
    const { target } = event
    if (target.closest?.('dialog[open]')) return // a dialog has its own keys
    if (target.matches?.(FIELDS) && !target.closest('dialog')) {
      if (event.key === 'Escape' && !event.isComposing) {
        target.blur()
        this.dispatchEvent(new CustomEvent('left-field', { detail: target }))
      }
      return
    }
    const key = pressed(event)
    if (key === null) return
    if (this.waiting) return this.#waitingTakes(event, key)
    const action = this.actions.get(key)
    if (!action || this.#belongsTo(target, key)) return
    event.preventDefault()
    this.dispatchEvent(new CustomEvent('action', { detail: { action, repeat: event.repeat, moment: event.timeStamp } }))
  }

  #waitingTakes(event, key) {
    event.preventDefault()
    if (event.repeat) return // the key that asked for a letter, still held, is no answer
    const { taker, onEnd } = this.waiting
    this.waiting = null
    if (key !== 'Escape') taker(key)
    onEnd()
  }

  // Keys that mean something to the element in focus: a button reached by keyboard is pressed by Space and Enter,
  // a slider moves by arrows. Tab walks through the page from everywhere but the list of steps.
  #belongsTo(target, key) {
    if (target === document.body) return false
    const own = target.closest('[data-own-keys]')?.dataset.ownKeys.split(' ') ?? []
    if (own.includes(key)) return true
    if (/(^|\+)Tab$/.test(key)) return !target.closest('[data-steps]')
    const control = target.closest('button, a[href], summary, [role=slider], input')
    return control !== null && !control.closest('[data-steps]') && ['Space', 'Enter'].includes(key)
  }
}
