import { DataError, UsageError } from "../errors.ts";
import { checkExamples, checkSplitOptions } from "./check.ts";
import { type Examples, rows, type SplitOptions, type Splits, take } from "./dataset.ts";
import { fingerprinted } from "./fingerprint.ts";
import { permutation } from "./shuffle.ts";

/**
 * Train, validation and test examples of one source, shuffled by seed and then in that order; without options 80 %,
 * 10 % and 10 %. `examples` caps the training examples.
 * @throws UsageError when nothing is left to train on; DataError for what is no data set, or fewer than 3 examples
 */
export async function splitShuffled(all: Examples, options: SplitOptions = {}): Promise<Splits> {
  checkExamples(all, "examples");
  const { train, validation, test } = countsOf(all, options);
  const order = permutation(all.count, options.seed ?? 0);
  const trained = Math.min(train, capOf(options.examples));
  const kept = new Uint32Array(trained + validation + test);
  kept.set(order.subarray(0, trained));
  kept.set(order.subarray(train), trained);
  return cut(take(all, kept), trained, validation);
}

/** As splitShuffled, for examples that come in random order. */
export async function splitInGivenOrder(all: Examples, options: SplitOptions): Promise<Splits> {
  const { train, validation } = countsOf(all, options);
  return cut(all, train, validation);
}

async function cut(all: Examples, train: number, validation: number): Promise<Splits> {
  return {
    train: await fingerprinted(rows(all, 0, train, "train")),
    validation: await fingerprinted(rows(all, train, train + validation, "validation")),
    test: await fingerprinted(rows(all, train + validation, all.count, "test")),
  };
}

interface Counts {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

function countsOf({ count, name }: Examples, options: SplitOptions): Counts {
  checkSplitOptions(options);
  if (count < 3) {
    throw new DataError(`${name}: holds ${count} of the 3 examples that training, validation and test need at least`);
  }
  const validation = partOf(count, options.validation ?? 0.1, "data.validation", name);
  const test = partOf(count, options.test ?? 0.1, "data.test", name);
  const what = `data.validation and data.test take ${validation} + ${test}`;
  return { train: leftOf(count, validation + test, what, name), validation, test };
}

const usualValidation = 5_000;

/**
 * Train, validation and test examples of a source with a test file of its own, in file order: validation is the end of
 * the training file, by default its last 5,000 or its last tenth, whichever is less. `examples` caps the training
 * examples, `test` the test examples.
 * @throws UsageError when nothing is left to train on
 */
export async function splitInOrder(training: Examples, testing: Examples, options: SplitOptions): Promise<Splits> {
  checkSplitOptions(options);
  const { count, name } = training;
  if (count < 2) throw new DataError(`${name}: holds ${count} training example; training and validation need one each`);
  const usual = Math.max(1, Math.min(usualValidation, Math.floor(count / 10)));
  const validation = partOf(count, options.validation ?? usual, "data.validation", name);
  const train = leftOf(count, validation, `data.validation takes ${validation}`, name);
  const trained = Math.min(train, capOf(options.examples));
  const tested = options.test === undefined ? testing.count : partOf(testing.count, options.test, "data.test", name);
  const kept = trained < train ? take(training, inOrder(0, trained, train, count)) : training; // or views hold it all
  return {
    train: await fingerprinted(rows(kept, 0, trained, "train")),
    validation: await fingerprinted(rows(kept, trained, kept.count, "validation")),
    test: await fingerprinted(rows(testing, 0, tested, "test")),
  };
}

/** The numbers from a to b and from c to d, without b and d. */
function inOrder(a: number, b: number, c: number, d: number): Uint32Array {
  return Uint32Array.from({ length: b - a + d - c }, (_, i) => (i < b - a ? a + i : c + i - (b - a)));
}

/** The number of examples that a count or a fraction stands for; of a fraction, at least one. */
function partOf(count: number, part: number, key: string, name: string): number {
  const isFraction = part > 0 && part < 1;
  if (!isFraction && !(Number.isSafeInteger(part) && part >= 1)) {
    throw new UsageError(`${key}: expected a count from 1 or a fraction between 0 and 1, got ${part}`);
  }
  const examples = isFraction ? Math.max(1, Math.floor(part * count)) : part;
  if (examples > count) {
    throw new UsageError(`${key}: expected at most the ${count} examples that ${name} holds, got ${part}`);
  }
  return examples;
}

function leftOf(count: number, taken: number, what: string, name: string): number {
  if (taken < count) return count - taken;
  throw new UsageError(`${what} of the ${count} examples of ${name} and leave none to train on; lower them`);
}

function capOf(examples: number | undefined): number {
  if (examples === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(examples) && examples >= 1) return examples;
  throw new UsageError(`data.examples: expected a whole number from 1, got ${examples}`);
}
