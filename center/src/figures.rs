//! Figures: indicators that are data, reckoned by area and period in the province's time.
//!
//! [`indicator`] reads what there is to reckon (a closed set of sources and aggregations: nobody writes SQL), [`period`] cuts time by the province's
//! calendar, [`reckon`] makes values of what happened, [`page`] writes them for people.
//!
//! **Invariant:** a value is absent where nobody watched; it is 0 only where somebody did and nothing happened. What is not over yet is counted as
//! such and is in no duration.
//!
//! Not here: reading what happened (`store::figures`), who may see which of it (`api`). Pure: no I/O, no clock.

pub mod indicator;
pub mod page;
pub mod period;
pub mod reckon;

#[cfg(test)]
mod tests;
