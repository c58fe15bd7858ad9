import { mount } from 'svelte';
import App from './App.svelte';
import './fonts.css';
import './app.css';
import { language } from './lib/i18n.svelte.ts';

document.documentElement.lang = language.current;
mount(App, { target: document.getElementById('app')! });
