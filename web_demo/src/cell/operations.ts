/** What each operation of a cell does: a sentence, and the layers that its moving picture shows. */

/** A layer that moves a window over the map; `reads` describes it. */
export interface Layer {
  readonly reads: string;
  readonly height: number;
  readonly width: number;
  /** Distance between the pixels that it reads. */
  readonly dilation: number;
}

export interface Operation {
  readonly sentence: string;
  readonly layers: readonly Layer[];
}

const layer = (reads: string, height = 1, width = height, dilation = 1): Layer => ({ reads, height, width, dilation });
const square = (side: number): string => `${side} × ${side}`;
const MIX = layer('1 × 1: mixes the channels');

function pool(kind: 'largest' | 'average', side: number, norm = ''): Operation {
  const note = kind === 'average' ? ', not counting the margin' : '';
  return {
    sentence: `Each pixel becomes the ${kind} value of the ${square(side)} pixels around it, channel by channel${note}${norm}.`,
    layers: [layer(`${kind} of ${square(side)}`, side)],
  };
}

function dense(side: number, last = 'batch-norm', first = 'ReLU, then a '): Operation {
  const what = side === 1 ? 'convolution, which only mixes the channels' : 'convolution over all channels';
  return { sentence: `${first}${square(side)} ${what}, and ${last}.`, layers: [layer(`${square(side)} over all channels`, side)] };
}

function separable(side: number, repeats: 1 | 2, dilation = 1): Operation {
  const apart = dilation > 1 ? ` whose pixels are ${dilation} apart` : '';
  const again = repeats === 1 ? '' : dilation > 1 ? '; then the same without the gaps' : '; all of that twice';
  const filter = `${square(side)} on each channel`;
  const once = [layer(filter + (dilation > 1 ? `, ${dilation} apart` : ''), side, side, dilation), MIX];
  return {
    sentence: `ReLU, a ${square(side)} filter${apart} on each channel alone, a 1 × 1 convolution that mixes the channels, and batch-norm${again}.`,
    layers: repeats === 1 ? once : [...once, layer(filter, side), MIX],
  };
}

function rectangles(side: number): Operation {
  return {
    sentence: `ReLU, a convolution along rows of ${side} pixels, one along columns of ${side}, and batch-norm.`,
    layers: [layer(`1 × ${side} over all channels`, 1, side), layer(`${side} × 1 over all channels`, side, 1)],
  };
}

const IDENTITY: Operation = { sentence: 'The map passes unchanged.', layers: [layer('copy')] };

const activation = (what: string): Operation => ({
  sentence: `${what} of a linear map of the state; a learned gate blends it with the state.`,
  layers: [],
});

const OPERATIONS: Readonly<Record<string, Operation>> = {
  none: { sentence: 'No connection: the edge adds zero.', layers: [] },
  noise: { sentence: 'Normally distributed noise; the map is ignored.', layers: [] },
  skip_connect: IDENTITY,
  identity: IDENTITY,
  max_pool_2x2: pool('largest', 2),
  max_pool_3x3: pool('largest', 3),
  max_pool_3x3_bn: pool('largest', 3, ', followed by batch-norm'),
  avg_pool_2x2: pool('average', 2),
  avg_pool_3x3: pool('average', 3),
  avg_pool_5x5: pool('average', 5),
  conv_1x1: dense(1),
  conv_3x3: dense(3),
  nor_conv_1x1: dense(1),
  nor_conv_3x3: dense(3),
  conv_1x1_relu: dense(1, 'batch-norm and ReLU', 'A '),
  conv_3x1_1x3: rectangles(3),
  conv_7x1_1x7: rectangles(7),
  sep_conv_3x3: separable(3, 2),
  sep_conv_5x5: separable(5, 2),
  sep_conv_7x7: separable(7, 2),
  sep_conv_3x3_1: separable(3, 1),
  sep_conv_3x3_2: separable(3, 2),
  sep_conv_5x5_2: separable(5, 2),
  sep_conv_7x7_2: separable(7, 2),
  dil_conv_3x3: separable(3, 1, 2),
  dil_conv_5x5: separable(5, 1, 2),
  dil_sep_conv_5x5: separable(5, 2, 2),
  grouped_conv_1x3_3x1: {
    sentence: 'In 8 groups of channels a convolution along rows of 3 pixels and one along columns of 3, then a 1 × 1 convolution that mixes the groups; ReLU before and batch-norm after each part.',
    layers: [layer('1 × 3 in 8 groups', 1, 3), layer('3 × 1 in 8 groups', 3, 1), MIX],
  },
  dep_conv_3x3_relu: {
    sentence: 'A 3 × 3 filter on each channel alone, batch-norm and ReLU.',
    layers: [layer('3 × 3 on each channel', 3)],
  },
  sep_conv_3x3_relu: {
    sentence: 'A 3 × 3 filter on each channel alone, a 1 × 1 convolution that mixes the channels, batch-norm and ReLU.',
    layers: [layer('3 × 3 on each channel', 3), MIX],
  },
  tanh: activation('The hyperbolic tangent'),
  relu: activation('The positive part'),
  sigmoid: activation('The logistic function'),
};

const REDUCE: Operation = {
  sentence: 'ReLU, then two 1 × 1 convolutions that read every second pixel, one shifted by a pixel; each gives half of the channels, and batch-norm follows.',
  layers: [layer('every second pixel')],
};

/** The operation of an edge; in a reduction cell, those that read an input have stride 2. */
export function describe(operation: string, kind: string, strided: boolean): Operation {
  if (kind === 'recurrent' && operation === 'identity') return activation('The identity');
  if (operation.startsWith('motif_')) {
    return { sentence: 'A smaller cell, used as an operation.', layers: [] };
  }
  if (strided && operation === 'skip_connect') return REDUCE;
  const found = OPERATIONS[operation] ?? { sentence: 'This page has no description of the operation.', layers: [] };
  return strided && found.layers.length > 0
    ? { ...found, sentence: `${found.sentence} Here it moves in steps of 2 pixels, which halves height and width.` }
    : found;
}

/** What a node holds. */
export function describeNode(name: string, kind: string, edges: number): string {
  const input: Readonly<Record<string, string>> = {
    'c_k-2': 'The output of the cell before the previous one, brought to the width of this cell.',
    'c_k-1': 'The output of the previous cell, brought to the width of this cell.',
    x_t: 'The token at this step, as a vector.',
    'h_t-1': 'The state after the last step.',
  };
  if (input[name]) return input[name];
  if (kind === 'recurrent') return name === '0' ? 'The token and the last state, blended by a gate.' : 'The result of its edge.';
  if (name === '0') return 'The input of the cell.';
  if (edges === 0) return kind === 'hierarchical' ? 'No edge leads here: it has no channels.' : 'No edge leads here: it is zero.';
  if (edges === 1) return 'The result of its only edge.';
  return kind === 'hierarchical' ? `The results of its ${edges} edges, one after the other.` : `The sum of its ${edges} edges.`;
}
