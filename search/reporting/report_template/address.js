// The epoch in the address: of the report, or of the page that shows it in a frame.

/** The page around this report; null if it is opened by itself, or in a page of another site. */
const around = window.frameElement ? parent : null
/** The epoch that the visitor chose; null while the report shows its own choice. */
let wanted = null
/** The epoch in the address as text; null without one. */
let inAddress = new URLSearchParams(location.search).get('epoch')
let settling = 0

/** The epoch to show: that in the address, the last if there is no such epoch, the chosen or newest one without. */
function epochAsked() {
  const number = Number(inAddress)
  wanted = inAddress !== null && Number.isInteger(number) && number >= 1 && number <= run.epochs ? number : null
  return wanted ?? (inAddress === null ? usualEpoch() : run.epochs)
}

const usualEpoch = () => run.chosen || run.epochs

/** Keeps the visitor's choice. The newest epoch of an unfinished search stands for all that follow. */
function choose(number) {
  wanted = !run.finished && number === run.epochs ? null : number
  // A step to which the browser can go back is an epoch where the visitor stays, not each that the slider passes.
  clearTimeout(settling)
  settling = setTimeout(remember, 400)
}

function remember() {
  const text = wanted === null ? null : `${wanted}`
  if (timer || text === inAddress) return
  inAddress = text
  if (around) {
    around.postMessage({ epoch: text }, window.origin)
    return
  }
  const query = new URLSearchParams(location.search)
  if (text === null) query.delete('epoch')
  else query.set('epoch', text)
  const address = new URL(location.href)
  address.search = `${query}`.replace(/=(?=&|$)/g, '') // ?live
  try {
    history.pushState(null, '', address)
  } catch {
    // a report inside another document has no address of its own
  }
}

/** Shows the epoch of an address to which the visitor went. */
function followAddress(text) {
  if (text === inAddress) return // the link to the slider changes the address too
  clearTimeout(settling)
  inAddress = text
  stop()
  if (run.epochs) show(epochAsked())
}

addEventListener('popstate', () => {
  if (!around) followAddress(new URLSearchParams(location.search).get('epoch'))
})
addEventListener('message', ({ source, origin, data }) => {
  if (!around || source !== around || origin !== window.origin) return
  if (data?.epoch === null || typeof data?.epoch === 'string') followAddress(data.epoch)
})
