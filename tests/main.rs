mod hub;
mod tokens;
