// When the server stays away: the changes that never reached it as a file to carry over, sealed for the server alone.
// The format is that of store/handover.py (siming.handover/1).

import { wire } from './journal.js'

const SCHEMA = 'siming.handover/1'
const MOST = 500 // changes that the server takes from one file

// One file per lease under which the changes were made, and per 500 of them.
export async function handOverFiles({ public_key }, ticket, records) {
  const parts = []
  for (const record of records) {
    const part = parts.at(-1)
    if (part && part[0].fence === record.fence && part.length < MOST) part.push(record)
    else parts.push([record])
  }
  return Promise.all(parts.map((part) => seal(public_key, {
    assignment: part[0].assignment, client: part[0].client, fence: part[0].fence, ticket, changes: part.map(wire),
  })))
}

async function seal(publicKey, payload) {
  const point = bytesOf(publicKey)
  const curve = { name: 'ECDH', namedCurve: 'P-256' }
  const server = await crypto.subtle.importKey('raw', point, curve, false, [])
  const own = await crypto.subtle.generateKey(curve, false, ['deriveBits'])
  const shared = await crypto.subtle.deriveBits({ name: 'ECDH', public: server }, own.privateKey, 256)
  const salt = crypto.getRandomValues(new Uint8Array(16))
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const key = hex(await crypto.subtle.digest('SHA-256', point)).slice(0, 16)
  const stretched = await crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt, info: utf8(SCHEMA) },
    await crypto.subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']),
    { name: 'AES-GCM', length: 256 }, false, ['encrypt'])
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: utf8(`${SCHEMA}|${key}`) }, stretched, utf8(JSON.stringify(payload)))
  const ephemeral = await crypto.subtle.exportKey('raw', own.publicKey)
  return JSON.stringify({ schema: SCHEMA, key, ephemeral: base64(ephemeral), salt: base64(salt), iv: base64(iv), sealed: base64(sealed) })
}

// Hand a text to the person as a file.
export function saveFile(name, text) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

const utf8 = (text) => new TextEncoder().encode(text)
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
const bytesOf = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))

function base64(buffer) {
  let text = ''
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte)
  return btoa(text)
}
