// What the study measures.

export const MEGABYTES = "MB/s";
export const CPU = "CPU per MB";
