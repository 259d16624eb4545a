/**
 * The few kinds of error a user of vaekit can meet. Each message says what is wrong, where, and the mend.
 * The command line turns UsageError into exit code 2 and every other into 1.
 */
export class VaekitError extends Error {
  override readonly name: string = "VaekitError";
}

/** A wrong option, config key or argument. */
export class UsageError extends VaekitError {
  override readonly name = "UsageError";
}

/** The user's data: a file that cannot be read, or a value that the model cannot take. */
export class DataError extends VaekitError {
  override readonly name = "DataError";
}

/** A run directory, a checkpoint or a model file. */
export class RunError extends VaekitError {
  override readonly name = "RunError";
}

/** Tensors whose shapes do not fit; names the operator, the shapes and the line that built it. */
export class ShapeError extends VaekitError {
  override readonly name = "ShapeError";
}

/** A loss or gradient that is not finite. */
export class NumericalError extends VaekitError {
  override readonly name = "NumericalError";
}
