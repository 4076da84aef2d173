export const greeting = (name) => `Hello from ${name}`;

export const unused = () => "a bundle has no use for this";
