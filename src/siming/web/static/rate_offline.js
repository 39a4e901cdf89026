// Without a network: the attempts that lie on this device, as ways back to them.

import { Shelf } from './rate/offline.js'

const list = document.getElementById('kept')
const shelf = new Shelf()
for (const assignment of await shelf.views()) {
  const { view } = await shelf.view(assignment)
  const link = document.createElement('a')
  link.href = `/rate/${encodeURIComponent(assignment)}`
  link.textContent = view.attempt_code
  const item = document.createElement('li')
  item.append(link)
  list.append(item)
}
document.getElementById('on-device').hidden = !list.children.length
