// The weights of the operations on every edge, at the slider's epoch and over time.

const SHORT = {
  none: 'none', skip_connect: 'skip', max_pool_3x3: 'max 3×3', avg_pool_3x3: 'avg 3×3',
  sep_conv_3x3: 'sep 3×3', sep_conv_5x5: 'sep 5×5', dil_conv_3x3: 'dil 3×3', dil_conv_5x5: 'dil 5×5',
}
const ROW = 12 // pixels of an operation in a strip over time

const shortName = (operation) => SHORT[operation] || operation.replaceAll('_', ' ').replace(/(\d)x(\d)/g, '$1×$2')

/** The color of an operation, the same as in the drawing of a cell. */
function colorOf(operation) {
  const large = /[57]x/.test(operation)
  if (operation === 'none') return '--none'
  if (/^(skip|identity)/.test(operation)) return '--skip'
  if (operation.startsWith('max')) return '--max'
  if (operation.startsWith('avg')) return '--average'
  if (/^(sep|tanh)/.test(operation)) return large ? '--separable-large' : '--separable'
  if (/^(dil|dep|sigmoid)/.test(operation)) return large ? '--dilated-large' : '--dilated'
  return '--convolution'
}

/** The input and the node of an edge, named as in the drawing and in Genotype(...). */
function edgeName(cell, node, source) {
  if (cell === 'recurrent' || cell === 'cell') return `${source} → ${node + 1}`
  return `${['c_k−2', 'c_k−1'][source] ?? source} → ${node + 2}`
}

const dark = matchMedia('(prefers-color-scheme: dark)')

/** A color scale centered on an even mixture: a weight is colored by its ratio to an even one. */
class Scale {
  constructor(cells) {
    let most = 0.05
    for (const { alphas } of cells) {
      if (!alphas) continue
      for (const epoch of alphas.weights) for (const weight of epoch) most = Math.max(most, Scale.times(weight, alphas))
    }
    this.most = most
    this.read()
    this.watchers = []
    dark.onchange = () => { // of the newest scale only
      this.read()
      for (const watcher of this.watchers) watcher()
    }
  }

  /** log2 of a weight over 1/n: 0 is even. */
  static times(weight, alphas) {
    return Math.log2(Math.max(weight, 1) / 10000 * alphas.operations.length)
  }

  read() {
    const style = getComputedStyle(document.documentElement)
    this.colors = ['--less', '--even', '--more'].map((name) => {
      const hex = style.getPropertyValue(name).trim()
      return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
    })
  }

  rgb(weight, alphas) {
    const share = Math.max(-1, Math.min(1, Scale.times(weight, alphas) / this.most))
    const [less, even, more] = this.colors
    const end = share < 0 ? less : more
    return even.map((value, at) => Math.round(value + (end[at] - value) * Math.abs(share)))
  }
}

const css = (rgb) => `rgb(${rgb.join(' ')})`

/** Black or white, whichever has more contrast with a color: at least 4.5 to 1 (WCAG 2). */
function inkOn(rgb) {
  const [r, g, b] = rgb.map((value) => (value <= 10 ? value / 3295 : ((value / 255 + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff'
}

function legendOf(host, scale, cells) {
  const { alphas } = cells.find((cell) => cell.alphas)
  const factor = +(2 ** scale.most).toFixed(scale.most < 0.3 ? 2 : 1)
  add(host, 'span', '', `even ÷ ${factor}`)
  add(host, 'span', 'bar')
  add(host, 'span', '', `even × ${factor}`)
  add(host, 'span', '', `even is ${percent(1 / alphas.operations.length)}`)
  const kept = add(host, 'span')
  add(kept, 'span', 'key')
  kept.append('in the cell')
}

/** The two pictures of one cell.  Returns {show(epoch)}. */
function weightsOf(host, cell, scale, run, go) {
  const { alphas } = cell
  const section = add(host, 'section')
  add(section, 'h3', '', cell.heading)
  const both = add(section, 'div', 'weights')
  const table = heatTable(add(both, 'div'), cell, scale)
  const side = add(both, 'details', 'over-time')
  side.open = !matchMedia('(max-width: 44rem)').matches // long to scroll past on a phone
  add(side, 'summary', '', 'Every edge over the epochs; underlined: in the cell')
  const grid = add(side, 'div', 'strips')
  const strips = alphas.edges.map((_, edge) => strip(grid, cell, edge, scale, run, go))
  let epoch = 1
  const show = (number) => {
    epoch = number
    table.show(epoch)
    for (const one of strips) one.show(epoch)
  }
  scale.watchers.push(() => {
    show(epoch)
    for (const one of strips) one.render()
  })
  return { show }
}

/** Is (edge, operation) in the cell of an epoch? */
function keptAt(cell, epoch) {
  const kept = new Set(cell.drawings[cell.drawingAt[epoch - 1]].edges.map((edge) => edge.join()))
  return ([node, source], operation) => kept.has([node, source, operation].join())
}

function heatTable(host, cell, scale) {
  const { alphas } = cell
  const table = add(host, 'table', 'heat')
  const caption = add(table, 'caption')
  const head = add(add(table, 'thead'), 'tr')
  add(head, 'th', 'edge', 'edge').scope = 'col'
  for (const operation of alphas.operations) {
    const heading = add(head, 'th', '', shortName(operation))
    heading.scope = 'col'
    heading.title = operation
  }
  const cells = []
  let body
  alphas.edges.forEach(([node, source], edge) => {
    if (source === 0) body = add(table, 'tbody') // a group for each node
    const row = add(body, 'tr')
    add(row, 'th', 'edge', edgeName(cell.name, node, source)).scope = 'row'
    for (const operation of alphas.operations) cells.push([add(row, 'td'), alphas.edges[edge], operation])
  })
  return {
    show(epoch) {
      caption.textContent = `Weights in % at epoch ${epoch}`
      const kept = keptAt(cell, epoch)
      alphas.weights[epoch - 1].forEach((weight, at) => {
        const [node, edge, operation] = cells[at]
        const rgb = scale.rgb(weight, alphas)
        node.style.background = css(rgb)
        node.style.color = inkOn(rgb)
        node.textContent = (weight / 100).toFixed(1)
        node.className = kept(edge, operation) ? 'kept' : ''
      })
    },
  }
}

function strip(host, cell, edge, scale, run, go) {
  const { alphas } = cell
  const [node, source] = alphas.edges[edge]
  const count = alphas.operations.length
  const name = edgeName(cell.name, node, source)
  const figure = add(host, 'figure', 'strip')
  const caption = add(figure, 'figcaption')
  add(caption, 'b', '', name)
  const strongest = add(caption, 'span')
  const rows = add(figure, 'div', 'rows')
  const labels = add(rows, 'ol')
  labels.setAttribute('aria-hidden', 'true')
  for (const operation of alphas.operations) add(labels, 'li', '', shortName(operation))
  const time = add(rows, 'div', 'time')
  const canvas = add(time, 'canvas')
  canvas.setAttribute('role', 'img')
  const cursor = add(time, 'div', 'at')

  function render() {
    const dense = window.devicePixelRatio || 1
    canvas.width = Math.max(1, Math.round(time.clientWidth * dense))
    canvas.height = count * ROW * dense
    const brush = canvas.getContext('2d')
    const wide = canvas.width / run.epochs
    const high = canvas.height / count
    const mark = getComputedStyle(document.documentElement).getPropertyValue('--mark')
    for (let epoch = 1; epoch <= run.epochs; epoch++) {
      const kept = keptAt(cell, epoch)
      const left = Math.round((epoch - 1) * wide)
      const right = Math.round(epoch * wide)
      alphas.operations.forEach((operation, at) => {
        brush.fillStyle = css(scale.rgb(alphas.weights[epoch - 1][edge * count + at], alphas))
        brush.fillRect(left, at * high, right - left, high)
        if (!kept(alphas.edges[edge], operation)) return
        brush.fillStyle = mark
        brush.fillRect(left, (at + 1) * high - 2 * dense, right - left, 2 * dense)
      })
    }
  }

  follow(time, (px) => go(Math.min(run.epochs, Math.max(1, Math.ceil((px / time.clientWidth) * run.epochs)))))
  new ResizeObserver(render).observe(time)
  return {
    render,
    show(epoch) {
      const weights = alphas.weights[epoch - 1].slice(edge * count, (edge + 1) * count)
      const most = weights.indexOf(Math.max(...weights))
      strongest.textContent = shortName(alphas.operations[most])
      canvas.setAttribute('aria-label', `Edge ${name} over the epochs; strongest at epoch ${epoch}: ${strongest.textContent}, ${(weights[most] / 100).toFixed(1)} %`)
      cursor.style.left = `${((epoch - 0.5) / run.epochs) * 100}%`
    },
  }
}
