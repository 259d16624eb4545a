/**
 * What training and the model files need of a place for files. Paths are relative, with "/" between their parts:
 * `checkpoints/step-000000100.safetensors`. Every method throws RunError, naming the file, when it cannot do its work.
 */
export interface Storage {
  /** The place in words, for messages: a directory's path. */
  readonly location: string;
  /** The bytes of a file; RunError naming it when it is missing. */
  read(path: string): Promise<Uint8Array>;
  /** Whether there is a file or a folder of this name. */
  exists(path: string): Promise<boolean>;
  /** Names of the files and folders in a folder ("" is the place itself), sorted; [] when there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** Puts a file there whole or not at all, in place of an earlier one of that name; folders are made as needed. */
  write(path: string, bytes: Uint8Array | string): Promise<void>;
  /** Adds one line, to which the line break is added here, to the end of a file. */
  append(path: string, line: string): Promise<void>;
  /** Removes a file; no error when it is absent. */
  remove(path: string): Promise<void>;
  /**
   * Makes the caller the only writer until it calls the function returned. RunError when another living process is
   * writing here; the lock of a process that has ended is taken over.
   */
  lock(): Promise<() => Promise<void>>;
}
